//! The reader of annotated CSV comes to an end whatever an engine answers, and gives back the cells
//! of an answer that is one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tram_store::engine::AnnotatedCsv;

fuzz_target!(|input: (Vec<u8>, Vec<String>)| {
    let (bytes, cells) = input;
    let mut csv = AnnotatedCsv::new(bytes.as_slice());
    let mut rows = 0;
    while let Ok(Some(row)) = csv.row() {
        let _ = (row.get("_time"), row.get("_value"), row.datatype("_value"));
        rows += 1;
    }
    assert!(rows <= bytes.len());

    // A row that says `error,reference` and nothing else is how an engine gives up.
    let said: Vec<&str> = cells.iter().map(String::as_str).filter(|c| !c.is_empty()).collect();
    if cells.is_empty() || cells.len() > 200 || said == ["error", "reference"] {
        return;
    }
    let quoted = |cell: &str| format!(",\"{}\"", cell.replace('"', "\"\""));
    let mut text = String::new();
    for i in 0..cells.len() {
        text += &format!(",c{i}");
    }
    text += "\r\n";
    cells.iter().for_each(|cell| text += &quoted(cell));
    let mut csv = AnnotatedCsv::new(text.as_bytes());
    let row = csv.row().expect("a table").expect("a record");
    for (i, cell) in cells.iter().enumerate() {
        assert_eq!(row.get(&format!("c{i}")).unwrap_or_default(), cell);
    }
});
