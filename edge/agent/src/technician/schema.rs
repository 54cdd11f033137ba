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

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use boon::{Compiler, Schemas};
    use serde_json::Value;

    use super::*;

    /// What an editor would say about a file.
    fn check(text: &str) -> Result<(), String> {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("station.json", schema()).unwrap();
        let compiled = compiler.compile("station.json", &mut schemas).unwrap();
        let instance: Value = toml::from_str(text).unwrap();
        schemas.validate(&instance, compiled).map_err(|e| format!("{e:#}"))
    }

    fn shipped() -> Vec<String> {
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
        let stations = fs::read_dir(config.join("stations")).unwrap();
        let mut files: Vec<_> = stations.map(|e| e.unwrap().path()).collect();
        files.push(config.join("edge.toml"));
        assert!(files.len() > 3);
        files.iter().map(|f| fs::read_to_string(f).unwrap()).collect()
    }

    #[test]
    fn every_shipped_station_file_fits() {
        for text in shipped() {
            assert_eq!(check(&text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_the_program_refuses_an_editor_marks() {
        let good = shipped().pop().unwrap();
        for (from, to) in [
            ("interval_s = 60\npressure", "intervall_s = 60\npressure"),
            ("pressure = \"pressure\"", "pressure = \"air pressure\""),
            ("node = \"bat-xat-river-02\"", "node = \"Bát Xát\""),
            ("mqtt://127.0.0.1:1883", "tcp://127.0.0.1:1883"),
            ("backend = \"rppal\"", "backend = \"rpal\""),
            ("pin = 27", "pin = \"27\""),
            ("lowest = 75.0", "lowest = \"low\""),
        ] {
            assert!(good.contains(from), "{from}");
            assert!(check(&good.replacen(from, to, 1)).is_err(), "{to}");
        }
    }

    #[test]
    fn every_key_is_described() {
        let schema = schema();
        let mut missing = Vec::new();
        look(&schema, "", &mut missing);
        assert_eq!(missing, Vec::<String>::new());
    }

    fn look(value: &Value, path: &str, missing: &mut Vec<String>) {
        if let Some(properties) = value.get("properties").and_then(Value::as_object) {
            for (key, property) in properties {
                if property.get("description").is_none() {
                    missing.push(format!("{path}/{key}"));
                }
            }
        }
        let definitions = value.get("definitions").and_then(Value::as_object);
        for (name, definition) in definitions.into_iter().flatten() {
            look(definition, name, missing);
        }
    }
}
