//! The rules of the centre: every `*.toml` in one folder.

mod watch;

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

use tram_config::Mistake;
use tram_rules::{Rule, Selector};

use crate::config::Station;
pub(crate) use watch::Folder;

/// The most rules.
const MAX_RULES: usize = 1_000;

/// Reads and checks every rule of the folder, in the order of the files' names.
///
/// # Errors
/// [`Mistake`] for the first thing that is wrong.
pub(crate) fn load(folder: &Path) -> Result<Vec<Rule>, Mistake> {
    let mut rules = Vec::new();
    let mut seen: HashMap<String, PathBuf> = HashMap::new();
    for path in files(folder)? {
        let document = tram_config::read::<Rule>(&path)?;
        if let Err(found) = document.value.check()
            && let Some(first) = found.into_iter().next()
        {
            return Err(document.mistake(&first.key, first.message, first.fix));
        }
        let id = document.value.id.to_string();
        if let Some(other) = seen.insert(id.clone(), path.clone()) {
            return Err(document.mistake(
                "id",
                format!("{} has a rule `{id}` as well", other.display()),
                "give each rule a name of its own",
            ));
        }
        rules.push(document.value);
    }
    Ok(rules)
}

/// The stations that rules name and the configuration does not know.
pub(crate) fn unknown_stations(rules: &[Rule], stations: &[Station]) -> Vec<String> {
    let mut unknown = Vec::new();
    for rule in rules {
        for selector in &rule.stations {
            if let Selector::One(node) = selector
                && !stations.iter().any(|s| s.id == *node)
            {
                unknown.push(format!("the rule `{}` names the station `{node}`", rule.id));
            }
        }
    }
    unknown
}

/// The files of a folder that are rules, in the order of their names.
///
/// # Errors
/// [`Mistake`] when it cannot be read or holds too many.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>, Mistake> {
    let mistake = |message: String, fix: &str| Mistake {
        file: folder.to_owned(),
        line: None,
        message,
        fix: fix.to_owned(),
    };
    let unreadable = |e: std::io::Error| {
        mistake(format!("the rules cannot be read: {e}"), "name their folder in `rules.folder`")
    };
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|e| e == "toml") {
            files.push(path);
        }
        if files.len() > MAX_RULES {
            return Err(mistake(format!("holds more than {MAX_RULES} rules"), "remove some"));
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_there_is_named() {
        let mistake = load(Path::new("no/such/folder")).unwrap_err();
        assert!(mistake.to_string().starts_with("no/such/folder: "), "{mistake}");
    }

    #[test]
    fn a_mistake_in_a_rule_names_its_file() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.txt"), "not a rule").unwrap();
        assert!(load(folder.path()).unwrap().is_empty());
        fs::write(folder.path().join("a.toml"), "idd = \"x\"\n").unwrap();
        let mistake = load(folder.path()).unwrap_err();
        assert!(mistake.file.ends_with("a.toml"));
        assert_eq!(mistake.line, Some(1));
    }
}
