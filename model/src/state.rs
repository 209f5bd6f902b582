//! Everything at one moment, and what each step makes of it.

/// That a holder got the coupon with a number, in an epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Record {
    /// Who.
    pub holder: u8,
    /// The serial, and the ordinal in the outbox.
    pub n: u8,
    /// How often Redis had lost its memory before it was made.
    pub epoch: u8,
}

impl Record {
    /// Does it come too late for this fence, its epoch and what was kept?
    fn is_void(self, (epoch, kept): (u8, u8)) -> bool {
        self.epoch < epoch && self.n > kept
    }
}

/// What stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// A record.
    Record(Record),
    /// Records of epochs before this one that come after it are void, but for those that Redis still had.
    Fence {
        /// The epoch that begins.
        epoch: u8,
        /// The last number that Redis had.
        kept: u8,
    },
}

/// An event's keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Redis {
    pub(crate) epoch: u8,
    pub(crate) issued: Vec<Record>,
    pub(crate) outbox: Vec<Record>,
    pub(crate) log_mark: u8,
    pub(crate) ledger_mark: u8,
}

/// An issuer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Desk {
    /// Has nothing to do.
    #[default]
    Idle,
    /// Issued or found a coupon and waits for the level; `epoch` is the one in which the script ran.
    Waits {
        /// What is to be told.
        record: Record,
        /// When it was asked.
        epoch: u8,
    },
}

/// A relay; two at once is what a lease that ended too early makes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Relay {
    /// Has nothing to do.
    #[default]
    Idle,
    /// Has read the outbox.
    Read(Vec<Record>, u8),
    /// The log acknowledged them.
    Sent(Vec<Record>, u8),
}

/// The tables.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Ledger {
    pub(crate) next: usize,
    /// The last fence: its epoch and what was kept.
    pub(crate) fence: (u8, u8),
    pub(crate) rows: Vec<Record>,
}

/// Everything at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    pub(crate) redis: Redis,
    /// What the replica has got so far.
    pub(crate) replica: Redis,
    /// Was a replica promoted whose keys were not compared yet?
    pub(crate) recovering: bool,
    pub(crate) failed_over: bool,
    pub(crate) crashes: u8,
    pub(crate) log: Vec<Entry>,
    pub(crate) ledger: Ledger,
    pub(crate) desks: [Desk; 2],
    pub(crate) relays: [Relay; 2],
    pub(crate) heard: Vec<Record>,
}

impl State {
    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &[Record] {
        &self.ledger.rows
    }

    /// What was heard and is no row, once nothing is on its way any more.
    #[must_use]
    pub fn lost(&self) -> Option<&Record> {
        let quiet = !self.recovering
            && self.redis.outbox.is_empty()
            && self.ledger.next == self.log.len()
            && self.relays.iter().all(|relay| *relay == Relay::Idle);
        let mut heard = self.heard.iter().filter(|_| quiet);
        heard.find(|record| !self.ledger.rows.contains(record))
    }

    fn in_log(&self, record: Record) -> bool {
        self.log.contains(&Entry::Record(record))
    }

    pub(crate) fn ask(&mut self, desk: usize, person: u8, stock: usize) {
        let held = self.redis.issued.iter().find(|had| had.holder == person);
        let record = match held {
            Some(held) => *held,
            None if self.redis.issued.len() < stock => {
                let taken = self.redis.issued.iter().map(|had| had.n).max();
                let record = Record {
                    holder: person,
                    n: taken.unwrap_or(0) + 1,
                    epoch: self.redis.epoch,
                };
                self.redis.issued.push(record);
                self.redis.outbox.push(record);
                record
            }
            None => return,
        };
        let epoch = self.redis.epoch;
        self.desks[desk] = Desk::Waits { record, epoch };
    }

    pub(crate) fn persist(&mut self) {
        let entry = self.log[self.ledger.next];
        self.ledger.next += 1;
        match entry {
            Entry::Fence { epoch, kept } => self.ledger.fence = (epoch, kept),
            Entry::Record(record) if record.is_void(self.ledger.fence) => {}
            Entry::Record(record) => {
                let mut rows = self.ledger.rows.iter();
                // A duplicate, or an anomaly: the unique keys hold.
                let taken = rows.any(|row| row.n == record.n || row.holder == record.holder);
                if !taken {
                    self.ledger.rows.push(record);
                }
            }
        }
    }

    pub(crate) fn recover(&mut self, fenced_log: bool) {
        self.recovering = false;
        let epoch = self.redis.epoch + 1;
        if fenced_log {
            let kept = self.redis.issued.iter().map(|record| record.n).max();
            let kept = kept.unwrap_or(0);
            self.log.push(Entry::Fence { epoch, kept });
        }
        // What Redis still has and the log has not may come behind the fence; it is in nobody else's hands.
        for record in std::mem::take(&mut self.redis.outbox) {
            if !self.in_log(record) {
                self.log.push(Entry::Record(record));
            }
        }
        let mut fence = (0, 0);
        let mut issued: Vec<Record> = Vec::new();
        for entry in &self.log {
            match entry {
                Entry::Fence { epoch, kept } => fence = (*epoch, *kept),
                Entry::Record(record) if record.is_void(fence) || issued.contains(record) => {}
                Entry::Record(record) => issued.push(*record),
            }
        }
        let mark = issued.iter().map(|record| record.n).max().unwrap_or(0);
        let rows = self.ledger.rows.iter().map(|row| row.n).max().unwrap_or(0);
        self.redis = Redis {
            epoch,
            issued,
            outbox: Vec::new(),
            log_mark: mark,
            ledger_mark: rows,
        };
    }
}
