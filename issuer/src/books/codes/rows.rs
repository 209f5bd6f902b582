//! CSV as it comes, piece by piece (RFC 4180): rows with the lines they begin on. Lines end with CRLF, LF or CR; a byte order
//! mark and empty lines are passed over.

/// The most that is kept of one field, in bytes: far more than a code may have.
const MOST_FIELD: usize = 1_024;
/// The most fields that are kept of one row.
const MOST_FIELDS: usize = 256;

/// A row.
#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    /// The line it begins on, from 1.
    pub line: u64,
    /// Its fields.
    pub fields: Vec<String>,
}

/// Reads rows from pieces that may break anywhere.
#[derive(Default)]
pub struct Rows {
    /// Ends of lines met so far.
    lines: u64,
    /// Bytes read so far, as far as it matters for the byte order mark.
    begun: usize,
    state: State,
    /// Whether the last byte was a CR: an LF behind it ends the same line.
    after_cr: bool,
    /// The line on which the row under way begins.
    line: u64,
    fields: Vec<String>,
    field: Vec<u8>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Between two fields.
    #[default]
    Begin,
    /// In a field without quotes.
    Plain,
    /// Between quotes.
    Quoted,
    /// After a quote that ends the field, or is the first of two.
    Quote,
}

impl Rows {
    /// The rows that a piece completes.
    pub fn push(&mut self, piece: &[u8]) -> Vec<Row> {
        let mut rows = Vec::new();
        for &byte in piece {
            self.begun += 1;
            if self.begun <= BOM.len() && byte == BOM[self.begun - 1] {
                continue;
            }
            if let Some(row) = self.take(byte) {
                rows.push(row);
            }
        }
        rows
    }

    /// The line on which the row begins whose quote is not closed, if all was sent by now.
    pub fn unclosed(&self) -> Option<u64> {
        (self.state == State::Quoted).then_some(self.line)
    }

    /// The last row, if no line end followed it.
    pub fn finish(mut self) -> Option<Row> {
        self.end_row()
    }

    /// Takes in a byte; a row when it ends one.
    fn take(&mut self, byte: u8) -> Option<Row> {
        if self.fields.is_empty() && self.state == State::Begin {
            self.line = self.lines + 1;
        }
        let same_end = byte == b'\n' && self.after_cr;
        self.after_cr = byte == b'\r';
        self.lines += u64::from(matches!(byte, b'\r' | b'\n') && !same_end);
        match (self.state, byte) {
            (State::Quoted, b'"') => self.state = State::Quote,
            (State::Quoted, _) => self.keep(byte),
            (State::Quote, b'"') => {
                self.keep(byte);
                self.state = State::Quoted;
            }
            (State::Begin, b'"') => self.state = State::Quoted,
            (_, b',') => {
                self.end_field();
                // A row that ends with a comma has an empty last field.
                self.state = State::Begin;
            }
            (_, b'\n') if same_end => {}
            (_, b'\r' | b'\n') => return self.end_row(),
            (_, _) => {
                self.keep(byte);
                self.state = State::Plain;
            }
        }
        None
    }

    fn keep(&mut self, byte: u8) {
        if self.field.len() < MOST_FIELD {
            self.field.push(byte);
        }
    }

    fn end_field(&mut self) {
        let field = std::mem::take(&mut self.field);
        if self.fields.len() < MOST_FIELDS {
            self.fields
                .push(String::from_utf8_lossy(&field).into_owned());
        }
    }

    fn end_row(&mut self) -> Option<Row> {
        let is_empty = self.state == State::Begin && self.fields.is_empty();
        if !is_empty {
            self.end_field();
        }
        self.state = State::Begin;
        let fields = std::mem::take(&mut self.fields);
        (!is_empty).then_some(Row {
            line: self.line,
            fields,
        })
    }
}

/// The byte order mark of UTF-8.
const BOM: [u8; 3] = [0xEF, 0xBB, 0xBF];

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of a text that comes in pieces of this size.
    fn read(text: &[u8], size: usize) -> Vec<(u64, Vec<String>)> {
        let mut rows = Rows::default();
        let mut all: Vec<Row> = text
            .chunks(size)
            .flat_map(|piece| rows.push(piece))
            .collect();
        all.extend(rows.finish());
        all.into_iter().map(|row| (row.line, row.fields)).collect()
    }

    fn row(line: u64, fields: &[&str]) -> (u64, Vec<String>) {
        (line, fields.iter().map(|&field| field.to_owned()).collect())
    }

    #[test]
    fn rows_are_read_however_they_are_cut() {
        let text = "\u{feff}code,note\r\nA-1,\"one, \"\"two\"\"\r\nthree\"\r\n\r\n\n\"B-2\",\nC-3";
        for size in 1..text.len() {
            let rows = read(text.as_bytes(), size);
            let expected = [
                row(1, &["code", "note"]),
                row(2, &["A-1", "one, \"two\"\r\nthree"]),
                row(6, &["B-2", ""]),
                row(7, &["C-3"]),
            ];
            assert_eq!(rows, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn a_line_ends_with_crlf_lf_or_cr() {
        for size in 1..12 {
            let rows = read(b"A-1\rA-2\r\n\r\rA-3,x\r\"A-4\"\rA-5\r", size);
            let expected = [
                row(1, &["A-1"]),
                row(2, &["A-2"]),
                row(5, &["A-3", "x"]),
                row(6, &["A-4"]),
                row(7, &["A-5"]),
            ];
            assert_eq!(rows, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn a_field_without_end_is_not_kept_whole() {
        let mut rows = Rows::default();
        for _ in 0..100 {
            assert_eq!(rows.push(&[b'x'; 1_000]), []);
        }
        assert_eq!(rows.finish().unwrap().fields[0].len(), MOST_FIELD);
        assert_eq!(read(b"", 1), []);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_noticed() {
        for (text, line) in [
            ("A-1\n\"A-2\nA-3\n", Some(2)),
            ("A-1,\"\"\"\n", Some(1)),
            ("\"A-1\"\n\"A-2\"", None),
        ] {
            let mut rows = Rows::default();
            rows.push(text.as_bytes());
            assert_eq!(rows.unclosed(), line, "{text}");
        }
    }
}
