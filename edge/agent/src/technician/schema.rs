//! `tram-edge schema`: what a station file may hold, for editors.

use std::{io::Write as _, process::ExitCode};

use schemars::generate::SchemaSettings;

use crate::config::Config;

pub(crate) const EXAMPLES: &str = "\
Examples:
  tram-edge schema > tram-edge.schema.json
      Keep it beside the station file, and write as the file's first line
          #:schema tram-edge.schema.json
      With that, editors which know TOML (Even Better TOML, taplo, Helix, Zed) complete keys,
      explain them and mark mistakes while you write.";

pub(crate) const EXAMPLES_VI: &str = "\
Ví dụ:
  tram-edge schema > tram-edge.schema.json
      Để tệp này cạnh tệp trạm, rồi viết dòng đầu của tệp trạm là
          #:schema tram-edge.schema.json
      Khi đó các trình soạn thảo biết TOML (Even Better TOML, taplo, Helix, Zed) sẽ gợi ý khóa, giải
      thích và báo lỗi ngay khi gõ. Lời giải thích bằng tiếng Anh.";

/// Prints the schema.
pub(crate) fn print() -> ExitCode {
    // `{:#}` of a JSON value is indented. A reader that has gone away wants no more of it.
    let _ = writeln!(std::io::stdout(), "{:#}", schema());
    ExitCode::SUCCESS
}

/// JSON Schema, draft 7, which every editor's TOML support understands. Descriptions are the words
/// of the program's own documentation.
fn schema() -> serde_json::Value {
    let generator = SchemaSettings::draft07().into_generator();
    let mut schema = generator.into_root_schema_for::<Config>();
    schema.insert("title".to_owned(), "Tram station file".into());
    schema.to_value()
}
