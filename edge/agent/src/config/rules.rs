//! The rules that run on this node.

use std::{fs, path::Path};

use tram_config::Mistake;
use tram_rules::{Rule, Selector};
use tram_wire::NodeId;

use super::parts::Named;

/// The most rules of one node.
pub(crate) const MAX_NODE_RULES: usize = 32;

/// Reads every `.toml` file of a folder, in the order of their names, and keeps the rules that
/// drive a siren at this station.
pub(super) fn load(
    folder: &Path,
    node: &NodeId,
    channels: &[Named],
) -> Result<Vec<Rule>, Vec<Mistake>> {
    let about = |message: String, fix: &str| {
        vec![Mistake { file: folder.to_owned(), line: None, message, fix: fix.to_owned() }]
    };
    let entries = fs::read_dir(folder).map_err(|e| {
        about(format!("cannot be read: {e}"), "name the folder of the rules with `rules = \"…\"`")
    })?;
    let mut files: Vec<_> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "toml"));
    files.sort();
    let (mut rules, mut mistakes) = (Vec::new(), Vec::new());
    for file in files {
        match read(&file, node, channels) {
            Ok(Some(rule)) => rules.push(rule),
            Ok(None) => {}
            Err(found) => mistakes.extend(found),
        }
    }
    if rules.len() > MAX_NODE_RULES {
        let message = format!("{} rules drive the siren of {node}", rules.len());
        mistakes.extend(about(message, &format!("a node evaluates {MAX_NODE_RULES} at most")));
    }
    if mistakes.is_empty() { Ok(rules) } else { Err(mistakes) }
}

fn read(file: &Path, node: &NodeId, channels: &[Named]) -> Result<Option<Rule>, Vec<Mistake>> {
    let document = tram_config::read::<Rule>(file).map_err(|m| vec![m])?;
    let rule = &document.value;
    if let Err(found) = rule.check() {
        return Err(found
            .into_iter()
            .map(|m| document.mistake(&m.key, m.message, m.fix))
            .collect());
    }
    if !rule.on_node() || !rule.applies_to_station(node) {
        return Ok(None);
    }
    for (i, selector) in rule.channels.iter().enumerate() {
        let Selector::One(name) = selector else { continue };
        let here = channels.iter().find(|c| c.name == *name);
        // A rule for several stations may name channels that not all of them have.
        let Some(here) = here else { continue };
        if rule.quantity.is_some_and(|q| q != here.quantity) {
            let message = format!("channel {name} of {node} is {}", here.quantity.name());
            let fix = format!("write `quantity = \"{}\"`", here.quantity.name());
            return Err(vec![document.mistake(&format!("channels[{i}]"), message, fix)]);
        }
    }
    // Readings arrive in order here, so nothing has to be waited for.
    Ok(Some(document.value.in_order()))
}
