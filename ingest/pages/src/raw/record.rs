//! Records: a header of types, then the values.

/// A value of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// No value; of a column that is the row's number, that number is meant.
    Null,
    /// An integer.
    Integer(i64),
    /// A floating-point number.
    Real(f64),
    /// Text; replaced where it is not UTF-8.
    Text(String),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Value {
    /// The integer, if it is one.
    #[must_use]
    pub fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(n) => Some(*n),
            _ => None,
        }
    }

    /// The text, if it is one.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The values of a row.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Record {
    /// Those that could be read, from the first column on.
    pub values: Vec<Value>,
    /// Whether these are all.
    pub whole: bool,
}

/// A number of one to nine bytes, and how many.
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut n: u64 = 0;
    for (i, byte) in bytes.iter().take(9).enumerate() {
        if i == 8 {
            return Some((n << 8 | u64::from(*byte), 9));
        }
        n = n << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((n, i + 1));
        }
    }
    None
}

impl Record {
    /// Reads as much of a record as there is.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut record = Self::default();
        record.whole = record.fill(bytes).is_some();
        record
    }

    fn fill(&mut self, bytes: &[u8]) -> Option<()> {
        let (header, mut at) = varint(bytes)?;
        let mut body = usize::try_from(header).ok()?;
        let header = body;
        while at < header {
            let (kind, n) = varint(bytes.get(at..header.min(bytes.len()))?)?;
            at += n;
            let len = length(kind)?;
            let value = bytes.get(body..body.checked_add(len)?)?;
            self.values.push(read(kind, value)?);
            body += len;
        }
        Some(())
    }
}

fn length(kind: u64) -> Option<usize> {
    Some(match kind {
        0 | 8 | 9 => 0,
        1..=4 => usize::try_from(kind).ok()?,
        5 => 6,
        6 | 7 => 8,
        10 | 11 => return None,
        _ => usize::try_from((kind - 12) / 2).ok()?,
    })
}

fn read(kind: u64, bytes: &[u8]) -> Option<Value> {
    Some(match kind {
        0 => Value::Null,
        1..=6 => {
            let negative = bytes.first().is_some_and(|b| b & 0x80 != 0);
            let mut all = [if negative { 0xff } else { 0 }; 8];
            all.get_mut(8 - bytes.len()..)?.copy_from_slice(bytes);
            Value::Integer(i64::from_be_bytes(all))
        }
        7 => Value::Real(f64::from_be_bytes(*bytes.first_chunk()?)),
        8 => Value::Integer(0),
        9 => Value::Integer(1),
        _ if kind.is_multiple_of(2) => Value::Blob(bytes.to_vec()),
        _ => Value::Text(String::from_utf8_lossy(bytes).into_owned()),
    })
}
