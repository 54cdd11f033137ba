//! Where the things are that a configuration names, for commands that need no more of it.

use std::path::{Path, PathBuf};

use serde_json::Value;
use tram_config::Mistake;

use super::File;

/// The files of a centre.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Places {
    /// Folder of everything the centre keeps.
    pub(crate) data: PathBuf,
    /// The configuration, its rules, certificates: nothing that must be kept from anybody.
    pub(crate) open: Vec<PathBuf>,
    /// Passwords, tokens, keys.
    pub(crate) secret: Vec<PathBuf>,
}

/// Reads a configuration without looking into the files it names: a command that only needs the
/// data need not be allowed to read the secrets.
///
/// # Errors
/// [`Mistake`] with the file, the line and what to write instead.
pub(crate) fn places(path: &Path) -> Result<Places, Mistake> {
    let file = tram_config::read::<File>(path)?.value;
    let mut places = Places { data: file.data, open: vec![path.to_owned()], secret: Vec::new() };
    if file.enrol.is_some() {
        let [open, secret] = crate::enrol::files(&places.data);
        places.open.extend(open);
        places.secret.extend(secret);
    }
    let mut rules: Vec<PathBuf> = std::fs::read_dir(&file.rules.folder)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .collect();
    rules.sort();
    places.open.append(&mut rules);
    // The key that orders are signed with is named nowhere; nodes trust no other.
    let command_key = places.data.join(crate::orders::KEY);
    if command_key.exists() {
        places.secret.push(command_key);
    }
    // Neither is the key of the links in messages.
    let links_key = places.data.join(crate::links::KEY);
    if links_key.exists() {
        places.secret.push(links_key);
    }
    collect(&tram_config::read::<Value>(path)?.value, &mut places);
    places.secret.sort();
    places.secret.dedup();
    Ok(places)
}

/// Finds the keys that name files, wherever they are.
fn collect(value: &Value, places: &mut Places) {
    match value {
        Value::Array(all) => all.iter().for_each(|v| collect(v, places)),
        Value::Object(table) => {
            for (key, value) in table {
                match (key.as_str(), value) {
                    ("certificate" | "ca_file", Value::String(path)) => {
                        places.open.push(path.into());
                    }
                    (key, Value::String(path))
                        if key.ends_with("_file") || matches!(key, "credentials" | "key") =>
                    {
                        places.secret.push(path.into());
                    }
                    (_, value) => collect(value, places),
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_told_from_what_anybody_may_see() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ingest.toml");
        let rules = folder.path().join("rules");
        std::fs::create_dir(&rules).unwrap();
        std::fs::write(rules.join("flood.toml"), "").unwrap();
        std::fs::write(rules.join("flood.toml~"), "").unwrap();
        let text = format!(
            "data = \"d\"\n[http]\ntoken_file = \"not-there\"\n[rules]\nfolder = \"{}\"\n\
             [broker]\nlisten = \"127.0.0.1:1\"\ncredentials = \"nodes\"\n\
             [enrol]\nlisten = \"127.0.0.1:3\"\nnames = [\"c\"]\n\
             [broker.tls]\nlisten = \"127.0.0.1:2\"\ncertificate = \"c.crt\"\nkey = \"c.key\"\n\
             [[sink]]\nname = \"x\"\nkind = \"line-protocol\"\nurl = \"http://x\"\ntoken_file = \"t\"\n",
            rules.display()
        );
        std::fs::write(&path, text).unwrap();
        let places = places(&path).unwrap();
        assert_eq!(places.data, Path::new("d"));
        let ours = |name: &str| Path::new("d/enrol").join(name);
        assert_eq!(
            places.open,
            [path, ours("ca.crt"), ours("registry.json"), rules.join("flood.toml"), "c.crt".into()]
        );
        let secret: Vec<_> = places.secret.iter().map(|p| p.to_str().unwrap()).collect();
        assert_eq!(secret, ["c.key", "d/enrol/ca.key", "nodes", "not-there", "t"]);
    }
}
