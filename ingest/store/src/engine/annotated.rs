//! Annotated CSV, in which `InfluxDB` 2 answers: tables one behind the other, each with rows that
//! begin with `#` and say the type, the group and the default of its columns, then a row with the
//! columns' names, then its records. An empty cell is the column's default.

use std::io::{self, Read};

use csv::{Reader, ReaderBuilder, StringRecord};

use super::{EngineError, error::malformed, http::broken};

/// The longest row.
const MAX_ROW_BYTES: usize = 1 << 20;
/// The most columns of a table.
const MAX_COLUMNS: usize = 256;

/// A column of the table at hand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Column {
    name: String,
    datatype: String,
    default: String,
}

/// Reads annotated CSV record by record.
#[derive(Debug)]
pub struct AnnotatedCsv<R> {
    reader: Reader<Bounded<R>>,
    record: StringRecord,
    columns: Vec<Column>,
    /// Whether the next row that is no annotation names the columns.
    header: bool,
}

/// A record, with its table's columns.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    columns: &'a [Column],
    cells: &'a StringRecord,
}

impl Row<'_> {
    /// The cell of a column: what is in it, or the column's default, or `None` where both are
    /// empty or there is no such column.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        let at = self.columns.iter().position(|c| c.name == name)?;
        let default = &self.columns.get(at)?.default;
        let cell = self.cells.get(at)?;
        Some(if cell.is_empty() { default.as_str() } else { cell }).filter(|c| !c.is_empty())
    }

    /// What a column holds, such as `double` or `dateTime:RFC3339`; empty when nothing said so.
    #[must_use]
    pub fn datatype(&self, name: &str) -> Option<&str> {
        self.columns.iter().find(|c| c.name == name).map(|c| c.datatype.as_str())
    }
}

impl<R: Read> AnnotatedCsv<R> {
    /// Reads from here.
    pub fn new(from: R) -> Self {
        let bounded = Bounded { from, left: MAX_ROW_BYTES };
        Self {
            reader: ReaderBuilder::new().has_headers(false).flexible(true).from_reader(bounded),
            record: StringRecord::new(),
            columns: Vec::new(),
            header: true,
        }
    }

    /// The next record, of whichever table.
    ///
    /// # Errors
    /// [`EngineError`]: also the one the engine wrote in place of a table.
    pub fn row(&mut self) -> Result<Option<Row<'_>>, EngineError> {
        loop {
            self.reader.get_mut().left = MAX_ROW_BYTES;
            if !self.reader.read_record(&mut self.record).map_err(named)? {
                return Ok(None);
            }
            if self.record.len() > MAX_COLUMNS {
                return Err(malformed(format!("a row has {} cells", self.record.len())));
            }
            let first = self.record.get(0).unwrap_or_default();
            if let Some(annotation) = first.strip_prefix('#') {
                let annotation = annotation.to_owned();
                self.annotate(&annotation);
            } else if self.header || self.names_an_error() {
                self.name();
            } else if self.columns.iter().any(|c| c.name == "error") {
                return Err(self.error());
            } else if self.record.len() == self.columns.len() {
                break;
            } else {
                let (cells, columns) = (self.record.len(), self.columns.len());
                return Err(malformed(format!("a row has {cells} cells for {columns} columns")));
            }
        }
        Ok(Some(Row { columns: &self.columns, cells: &self.record }))
    }

    /// Takes a row that says something of all columns.
    fn annotate(&mut self, annotation: &str) {
        if !std::mem::replace(&mut self.header, true) {
            self.columns.clear();
        }
        self.columns.resize_with(self.record.len(), Column::default);
        for (column, cell) in self.columns.iter_mut().zip(&self.record).skip(1) {
            match annotation {
                "datatype" => cell.clone_into(&mut column.datatype),
                "default" => cell.clone_into(&mut column.default),
                // The group and what later versions add.
                _ => {}
            }
        }
    }

    fn name(&mut self) {
        if !std::mem::replace(&mut self.header, false) {
            self.columns.clear();
        }
        self.columns.resize_with(self.record.len(), Column::default);
        for (column, cell) in self.columns.iter_mut().zip(&self.record) {
            cell.clone_into(&mut column.name);
        }
    }

    /// An engine that fails in the middle writes these columns without announcing them.
    fn names_an_error(&self) -> bool {
        let mut cells = self.record.iter().filter(|cell| !cell.is_empty());
        cells.next() == Some("error") && cells.next() == Some("reference") && cells.next().is_none()
    }

    fn error(&self) -> EngineError {
        let row = Row { columns: &self.columns, cells: &self.record };
        let said = row.get("error").unwrap_or("without saying why");
        EngineError::GaveUp(match row.get("reference") {
            Some(reference) => format!("{said} (reference {reference})"),
            None => said.to_owned(),
        })
    }
}

/// Names an error of the reader.
fn named(error: csv::Error) -> EngineError {
    let text = error.to_string();
    match error.into_kind() {
        csv::ErrorKind::Io(error) => broken(&error),
        _ => malformed(text),
    }
}

/// Gives no more than so many bytes before somebody allows more.
#[derive(Debug)]
struct Bounded<R> {
    from: R,
    left: usize,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            let detail = format!("a row of it is longer than {MAX_ROW_BYTES} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, detail));
        }
        let most = into.len().min(self.left);
        let read = self.from.read(into.get_mut(..most).unwrap_or_default())?;
        self.left = self.left.saturating_sub(read);
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(text: &str, names: &[&str]) -> Result<Vec<Vec<Option<String>>>, EngineError> {
        let mut csv = AnnotatedCsv::new(text.as_bytes());
        let mut rows = Vec::new();
        while let Some(row) = csv.row()? {
            rows.push(names.iter().map(|n| row.get(n).map(str::to_owned)).collect());
        }
        Ok(rows)
    }

    fn some(cells: &[&str]) -> Vec<Option<String>> {
        cells.iter().map(|c| (!c.is_empty()).then(|| (*c).to_owned())).collect()
    }

    /// As in the reference, "Annotated CSV": two tables with different columns, empty cells,
    /// defaults, a quoted cell.
    const TABLES: &str = "\
#datatype,string,long,dateTime:RFC3339,double,string\r
#group,false,false,false,false,true\r
#default,mean,,,,\r
,result,table,_time,_value,host\r
,,0,2026-01-01T00:00:00Z,15.43,\"a,\"\"b\"\"\"\r
,,0,2026-01-01T00:01:00Z,,\"line\nend\"\r
\r
#datatype,string,long,dateTime:RFC3339,long\r
#group,false,false,false,false\r
#default,_result,,,7\r
,result,table,_time,_value\r
,,1,2026-01-01T00:02:00Z,\r
\r
";

    #[test]
    fn tables_follow_each_other_and_empty_cells_are_defaults() {
        let found = rows(TABLES, &["result", "table", "_value", "host", "none"]).unwrap();
        assert_eq!(
            found,
            [
                some(&["mean", "0", "15.43", "a,\"b\"", ""]),
                some(&["mean", "0", "", "line\nend", ""]),
                some(&["_result", "1", "7", "", ""]),
            ]
        );
        let mut csv = AnnotatedCsv::new(TABLES.as_bytes());
        let row = csv.row().unwrap().unwrap();
        assert_eq!((row.datatype("_value"), row.datatype("x")), (Some("double"), None));
    }

    #[test]
    fn without_annotations_the_first_row_names_the_columns() {
        let found = rows(",result,_value\n,,1\n", &["_value"]).unwrap();
        assert_eq!(found, [some(&["1"])]);
        assert_eq!(rows("", &["_value"]).unwrap().len(), 0);
        assert_eq!(rows("\r\n\r\n", &["_value"]).unwrap().len(), 0);
    }

    #[test]
    fn an_error_in_place_of_a_table_is_one() {
        let announced = "#datatype,string,string\n#group,true,true\n#default,,\n,error,reference\n,Failed to parse query,897\n";
        let in_the_middle = format!("{TABLES},error,reference\n,out of memory,\n");
        for (text, said) in [
            (announced, "Failed to parse query (reference 897)"),
            (in_the_middle.as_str(), "out of memory"),
        ] {
            assert_eq!(rows(text, &[]), Err(EngineError::GaveUp(said.to_owned())), "{text}");
        }
    }

    #[test]
    fn what_is_no_table_is_refused() {
        for text in [",a,b\n,1\n", ",a\n,1,2\n", ",a\n\u{fffd},\"\n"] {
            let text = text.replace('\u{fffd}', "x");
            assert!(matches!(rows(&text, &[]), Ok(_) | Err(EngineError::Malformed(_))), "{text}");
        }
        assert!(matches!(rows(",a,b\n,1\n", &[]), Err(EngineError::Malformed(_))));
        let mut csv = AnnotatedCsv::new(b",a\n,\xff\n".as_slice());
        assert!(matches!(csv.row(), Err(EngineError::Malformed(_))));
        let endless = format!(",a\n,\"{}", "x".repeat(3 << 20));
        assert!(
            matches!(rows(&endless, &[]), Err(EngineError::Malformed(m)) if m.contains("longer"))
        );
    }

    proptest! {
        #[test]
        fn whatever_comes_it_ends(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut csv = AnnotatedCsv::new(bytes.as_slice());
            let mut rows = 0;
            while let Ok(Some(_)) = csv.row() {
                rows += 1;
            }
            prop_assert!(rows <= bytes.len());
        }

        #[test]
        fn cells_come_back(cells in proptest::collection::vec(
            prop_oneof!["[,\"\r\n#a ]{0,6}", any::<String>()], 1..6,
        )) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            let names: Vec<String> = (0..cells.len()).map(|i| format!("c{i}")).collect();
            let blank = [String::new()];
            writer.write_record(blank.iter().chain(&names)).unwrap();
            writer.write_record(blank.iter().chain(&cells)).unwrap();
            let text = writer.into_inner().unwrap();
            let mut csv = AnnotatedCsv::new(text.as_slice());
            let row = csv.row().unwrap().unwrap();
            for (name, cell) in names.iter().zip(&cells) {
                prop_assert_eq!(row.get(name).unwrap_or_default(), cell);
            }
            prop_assert!(csv.row().unwrap().is_none());
        }
    }
}
