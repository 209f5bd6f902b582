//! The checker: proves or refutes, from what clients heard and what the ledger and `verify` hold afterwards, that the
//! promises were kept. A pure function: the same case, the same verdict.

mod case;

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Answer, Asked, Ms, Said};
pub use case::{Case, Row, Violation};

/// Every promise that was not kept; none when all is proven.
#[must_use]
pub fn check(case: &Case) -> Vec<Violation> {
    let mut found = Vec::new();
    passes(case, &mut found);
    rows(case, &mut found);
    fails(case, &mut found);
    if !case.memory_cut {
        order(case, &mut found);
        positions(case, &mut found);
        waiting(case, &mut found);
    }
    if case.unexplained > 0 {
        found.push(Violation::Unexplained {
            differences: case.unexplained,
        });
    }
    found.sort();
    found.dedup();
    found
}

/// Each heard pass is exactly one row, and nobody else's.
fn passes(case: &Case, found: &mut Vec<Violation>) {
    let by_holder: BTreeMap<&str, &Row> = case
        .rows
        .iter()
        .map(|row| (row.holder.as_str(), row))
        .collect();
    let mut heard: BTreeMap<&str, (u64, &str)> = BTreeMap::new();
    let mut told: BTreeMap<u64, &str> = BTreeMap::new();
    for said in &case.history {
        let Answer::Pass {
            code,
            serial,
            record_id,
        } = &said.answer
        else {
            continue;
        };
        let (who, serial, holder) = (said.who.as_str(), *serial, said.who.clone());
        if *heard.entry(who).or_insert((serial, code)) != (serial, code.as_str()) {
            found.push(Violation::TwoCouponsHeard {
                holder: holder.clone(),
            });
        }
        if *told.entry(serial).or_insert(who) != who {
            found.push(Violation::CouponHeardByTwo { serial });
        }
        match by_holder.get(who) {
            None => found.push(Violation::LostPass { holder, serial }),
            Some(row) if row.serial != serial || row.code != *code => {
                found.push(Violation::PassDiffersFromRow { holder });
            }
            Some(row) if row.record_id != *record_id => {
                found.push(Violation::PassDiffersFromRow { holder });
            }
            Some(_) => {}
        }
    }
}

/// The rows alone: within the stock, serials dense, holders and codes once, and the sum is right.
fn rows(case: &Case, found: &mut Vec<Violation>) {
    let count = case.rows.len() as u64;
    if count > case.stock {
        found.push(Violation::Oversold {
            rows: count,
            stock: case.stock,
        });
    }
    if count + case.remaining != case.stock {
        found.push(Violation::StockDoesNotAddUp {
            rows: count,
            remaining: case.remaining,
        });
    }
    let mut serials: Vec<u64> = case.rows.iter().map(|row| row.serial).collect();
    serials.sort_unstable();
    if let Some((at, _)) = (1..).zip(&serials).find(|(dense, is)| dense != *is) {
        found.push(Violation::SerialsNotDense { at });
    }
    let (mut holders, mut codes) = (BTreeSet::new(), BTreeSet::new());
    for row in &case.rows {
        if !holders.insert(&row.holder) {
            found.push(Violation::HolderTwice {
                holder: row.holder.clone(),
            });
        }
        if !codes.insert(&row.code) {
            found.push(Violation::CodeTwice {
                code: row.code.clone(),
            });
        }
    }
}

/// A fail is only heard when it is true.
fn fails(case: &Case, found: &mut Vec<Violation>) {
    let holders: BTreeSet<&str> = case.rows.iter().map(|row| row.holder.as_str()).collect();
    let mut issued: Vec<Ms> = case.rows.iter().map(|row| row.issued_at).collect();
    issued.sort_unstable();
    for said in &case.history {
        let has_row = holders.contains(said.who.as_str());
        match said.answer {
            Answer::SoldOut => {
                let by_then = issued.partition_point(|at| *at <= said.heard_at) as u64;
                if by_then < case.stock && !case.memory_cut {
                    found.push(Violation::SoldOutTooSoon {
                        who: said.who.clone(),
                        issued: by_then,
                    });
                }
                if has_row {
                    found.push(Violation::FailHeardByAHolder {
                        holder: said.who.clone(),
                    });
                }
            }
            Answer::AlreadyIssued if !has_row => {
                found.push(Violation::AlreadyIssuedToNobody {
                    who: said.who.clone(),
                });
            }
            _ => {}
        }
    }
}

/// Whoever stood further in front was let in no later, unless they were not there when their turn came.
fn order(case: &Case, found: &mut Vec<Violation>) {
    let mut admitted: BTreeMap<u64, (Ms, &str)> = BTreeMap::new();
    let mut contacts: BTreeMap<&str, Vec<Ms>> = BTreeMap::new();
    for said in &case.history {
        if let Answer::Ticket { seq, expires_at } = said.answer {
            let at = expires_at - case.ticket_ttl_ms;
            admitted.entry(seq).or_insert((at, &said.who));
        }
        if said.answer != Answer::Unknown {
            let times = contacts.entry(&said.who).or_default();
            times.extend([said.asked_at, said.heard_at]);
        }
    }
    let mut earliest_behind = Ms::MAX;
    for (seq, (at, who)) in admitted.iter().rev() {
        let overtaken_at = earliest_behind;
        earliest_behind = earliest_behind.min(*at);
        let present = contacts.get(who).is_some_and(|times| {
            let since = overtaken_at.saturating_sub(case.presence_ms);
            times.iter().any(|t| (since..overtaken_at).contains(t))
        });
        if *at > overtaken_at && present {
            found.push(Violation::Overtaken { seq: *seq });
        }
    }
}

/// A shown position never rises, and no more are shown as waiting than ever asked.
fn positions(case: &Case, found: &mut Vec<Violation>) {
    let mut by_time: Vec<&Said> = case.history.iter().collect();
    by_time.sort_by_key(|said| said.heard_at);
    let mut entering: BTreeMap<&str, Ms> = BTreeMap::new();
    for said in &case.history {
        if said.asked == Asked::Enter {
            let first = entering.entry(&said.who).or_insert(said.asked_at);
            *first = said.asked_at.min(*first);
        }
    }
    let mut entering: Vec<Ms> = entering.into_values().collect();
    entering.sort_unstable();
    let mut shown: BTreeMap<(&str, usize), u64> = BTreeMap::new();
    for said in by_time {
        let Answer::Stands { position, waiting } = said.answer else {
            continue;
        };
        let asked = entering.partition_point(|at| *at <= said.heard_at) as u64;
        if waiting > asked {
            found.push(Violation::TooManyShownWaiting { waiting, asked });
        }
        // Of one process: another one may be behind for a moment, and then shows an older, higher position.
        if let Some(position) = position
            && let Some(before) = shown.insert((&said.who, said.door), position)
            && before < position
        {
            found.push(Violation::PositionRose {
                who: said.who.clone(),
            });
        }
    }
}

/// At rest, as many are shown as waiting as there are.
fn waiting(case: &Case, found: &mut Vec<Violation>) {
    let mut standing: BTreeMap<&str, &Said> = BTreeMap::new();
    for said in &case.history {
        let known = standing.entry(&said.who).or_insert(said);
        if known.answer == Answer::Unknown
            || (said.answer != Answer::Unknown && said.heard_at >= known.heard_at)
        {
            *known = said;
        }
    }
    let count = |wanted: fn(&Answer) -> bool| {
        standing
            .values()
            .filter(|said| wanted(&said.answer))
            .count() as u64
    };
    let least = count(|answer| matches!(answer, Answer::Stands { .. }));
    let most = least + count(|answer| *answer == Answer::Unknown);
    if !(least..=most).contains(&case.waiting) {
        found.push(Violation::WaitingCountFalse {
            shown: case.waiting,
            least,
            most,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(who: &str, at: Ms, asked: Asked, answer: Answer) -> Said {
        Said {
            who: who.to_owned(),
            door: 0,
            asked,
            asked_at: at - 1,
            heard_at: at,
            answer,
        }
    }

    fn pass(who: &str, at: Ms, serial: u64) -> Said {
        let answer = Answer::Pass {
            code: format!("C{serial}"),
            serial,
            record_id: format!("drop:1:{serial}"),
        };
        said(who, at, Asked::Redeem, answer)
    }

    fn row(holder: &str, serial: u64) -> Row {
        Row {
            serial,
            code: format!("C{serial}"),
            holder: holder.to_owned(),
            record_id: format!("drop:1:{serial}"),
            issued_at: 100,
        }
    }

    fn stands(who: &str, at: Ms, position: u64, waiting: u64) -> Said {
        let position = Some(position);
        said(who, at, Asked::Watch, Answer::Stands { position, waiting })
    }

    fn ticket(who: &str, at: Ms, seq: u64) -> Said {
        let expires_at = at + 1_000;
        said(who, at, Asked::Watch, Answer::Ticket { seq, expires_at })
    }

    /// Ann and Bob have the two coupons, Cid stays in line.
    fn good() -> Case {
        let enter = |who, at| {
            let answer = Answer::Stands {
                position: Some(1),
                waiting: 1,
            };
            said(who, at, Asked::Enter, answer)
        };
        let unknown = |who, at| said(who, at, Asked::Redeem, Answer::Unknown);
        Case {
            history: vec![
                enter("ann", 10),
                enter("bob", 12),
                enter("cid", 14),
                ticket("ann", 50, 1),
                ticket("bob", 60, 2),
                unknown("ann", 90),
                pass("ann", 110, 1),
                pass("ann", 120, 1),
                pass("bob", 111, 2),
                stands("cid", 150, 1, 1),
            ],
            rows: vec![row("ann", 1), row("bob", 2)],
            stock: 2,
            remaining: 0,
            waiting: 1,
            unexplained: 0,
            ticket_ttl_ms: 1_000,
            presence_ms: 20_000,
            memory_cut: false,
        }
    }

    /// The names of what is found when the good case is spoilt.
    fn spoilt(spoil: impl Fn(&mut Case)) -> Vec<String> {
        let mut case = good();
        spoil(&mut case);
        let mut names: Vec<_> = check(&case).iter().map(Violation::name).collect();
        names.dedup();
        names
    }

    #[test]
    fn a_good_case_is_proven() {
        assert_eq!(check(&good()), []);
    }

    #[test]
    fn a_lost_pass_is_named() {
        let names = spoilt(|case| {
            case.rows.pop();
            case.remaining = 1;
        });
        assert_eq!(names, ["lost-pass"]);
    }

    #[test]
    fn a_pass_that_is_another_row_is_named() {
        let names = spoilt(|case| case.rows[1].code = "X".to_owned());
        assert_eq!(names, ["pass-differs-from-row"]);
        let names = spoilt(|case| case.rows[1].record_id = "drop:2:2".to_owned());
        assert_eq!(names, ["pass-differs-from-row"]);
    }

    #[test]
    fn two_coupons_for_one_holder_are_named() {
        let names = spoilt(|case| case.history.push(pass("ann", 130, 3)));
        assert_eq!(names, ["pass-differs-from-row", "two-coupons-heard"]);
        let names = spoilt(|case| {
            case.rows.push(row("ann", 3));
            case.stock = 3;
        });
        assert!(names.contains(&"holder-twice".to_owned()), "{names:?}");
    }

    #[test]
    fn one_coupon_for_two_people_is_named() {
        let names = spoilt(|case| case.history.push(pass("bob", 130, 1)));
        assert!(
            names.contains(&"coupon-heard-by-two".to_owned()),
            "{names:?}"
        );
        let names = spoilt(|case| {
            case.rows[1].code = "C1".to_owned();
        });
        assert!(names.contains(&"code-twice".to_owned()), "{names:?}");
    }

    #[test]
    fn more_rows_than_coupons_are_named() {
        let names = spoilt(|case| case.rows.push(row("dan", 3)));
        assert_eq!(names, ["oversold", "stock-does-not-add-up"]);
    }

    #[test]
    fn a_gap_and_a_repetition_in_the_serials_are_named() {
        for serial in [1, 3] {
            let names = spoilt(|case| {
                case.history.retain(|said| said.who != "bob");
                case.rows[1].serial = serial;
            });
            assert_eq!(names, ["serials-not-dense"]);
        }
    }

    #[test]
    fn a_coupon_that_is_neither_issued_nor_left_is_named() {
        let names = spoilt(|case| case.remaining = 1);
        assert_eq!(names, ["stock-does-not-add-up"]);
    }

    #[test]
    fn sold_out_before_the_last_coupon_went_is_named() {
        let sold_out = |at| said("cid", at, Asked::Redeem, Answer::SoldOut);
        let leave = |case: &mut Case, at| {
            case.history.pop();
            case.history.push(sold_out(at));
            case.waiting = 0;
        };
        assert_eq!(spoilt(|case| leave(case, 160)), Vec::<String>::new());
        assert_eq!(spoilt(|case| leave(case, 99)), ["sold-out-too-soon"]);
    }

    #[test]
    fn a_time_out_that_became_a_fail_is_named() {
        let names = spoilt(|case| {
            let answer = Answer::SoldOut;
            case.history.push(said("ann", 105, Asked::Redeem, answer));
        });
        assert_eq!(names, ["fail-heard-by-a-holder"]);
        let names = spoilt(|case| {
            let answer = Answer::AlreadyIssued;
            case.history.push(said("cid", 105, Asked::Redeem, answer));
        });
        assert_eq!(names, ["already-issued-to-nobody"]);
    }

    #[test]
    fn an_inversion_is_named_unless_the_one_in_front_was_not_there() {
        let late = |case: &mut Case| {
            case.history
                .retain(|said| said.who != "ann" || said.asked != Asked::Watch);
            case.history.push(ticket("ann", 61, 1));
        };
        assert_eq!(spoilt(late), ["overtaken"]);
        let names = spoilt(|case| {
            late(case);
            case.presence_ms = 5;
        });
        assert_eq!(names, Vec::<String>::new());
    }

    #[test]
    fn a_position_that_rose_is_named() {
        let names = spoilt(|case| case.history.push(stands("cid", 151, 2, 1)));
        assert_eq!(names, ["position-rose"]);
        let names = spoilt(|case| {
            let elsewhere = stands("cid", 151, 2, 1);
            case.history.push(Said {
                door: 1,
                ..elsewhere
            });
        });
        assert_eq!(names, Vec::<String>::new());
    }

    #[test]
    fn a_false_number_of_waiting_is_named() {
        assert_eq!(spoilt(|case| case.waiting = 2), ["waiting-count-false"]);
        let names = spoilt(|case| case.history.push(stands("cid", 151, 1, 4)));
        assert_eq!(names, ["too-many-shown-waiting"]);
    }

    #[test]
    fn what_verify_cannot_explain_is_named() {
        assert_eq!(spoilt(|case| case.unexplained = 3), ["unexplained"]);
    }

    #[test]
    fn a_cut_memory_excuses_the_line_and_no_heard_coupon() {
        let names = spoilt(|case| {
            case.memory_cut = true;
            case.waiting = 7;
            case.rows.pop();
            case.remaining = 1;
        });
        assert_eq!(names, ["lost-pass"]);
    }
}
