//! The rules that look at this station, and those that run on it.

use std::{fs, path::Path};

use tram_config::Mistake;
use tram_rules::{Rule, Selector};
use tram_wire::NodeId;

use super::{range::Here, reach::doubts};

/// The most rules of one node.
pub(crate) const MAX_NODE_RULES: usize = 32;

/// What the folder of rules says about this station.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// Those that drive its siren, as they are evaluated here.
    pub(super) on_node: Vec<Rule>,
    /// All that look at it, wherever they are evaluated.
    pub(super) here: Vec<Rule>,
    /// What they can never do here.
    pub(super) doubts: Vec<Mistake>,
}

/// Reads every `.toml` file of a folder, in the order of their names.
pub(super) fn load(
    folder: &Path,
    node: &NodeId,
    channels: &[Here],
) -> Result<Loaded, Vec<Mistake>> {
    let about = |message: String, fix: &str| {
        vec![Mistake { file: folder.to_owned(), line: None, message, fix: fix.to_owned() }]
    };
    let entries = fs::read_dir(folder).map_err(|e| {
        about(format!("cannot be read: {e}"), "name the folder of the rules with `rules = \"…\"`")
    })?;
    let mut files: Vec<_> = entries.filter_map(|e| e.ok().map(|e| e.path())).collect();
    files.retain(|f| f.extension().is_some_and(|e| e == "toml"));
    files.sort();
    let (mut loaded, mut mistakes) = (Loaded::default(), Vec::new());
    for file in files {
        if let Err(found) = read(&file, node, channels, &mut loaded) {
            mistakes.extend(found);
        }
    }
    let n = loaded.on_node.len();
    if n > MAX_NODE_RULES {
        let message = format!("{n} rules drive the siren of {node}");
        mistakes.extend(about(message, &format!("a node evaluates {MAX_NODE_RULES} at most")));
    }
    if mistakes.is_empty() { Ok(loaded) } else { Err(mistakes) }
}

fn read(
    file: &Path,
    node: &NodeId,
    channels: &[Here],
    loaded: &mut Loaded,
) -> Result<(), Vec<Mistake>> {
    let document = tram_config::read::<Rule>(file).map_err(|m| vec![m])?;
    let rule = &document.value;
    if let Err(found) = rule.check() {
        return Err(found
            .into_iter()
            .map(|m| document.mistake(&m.key, m.message, m.fix))
            .collect());
    }
    if !rule.applies_to_station(node) {
        return Ok(());
    }
    let selected = |name| channels.iter().find(|c| c.name == name);
    for (i, selector) in rule.channels.iter().enumerate().filter(|_| rule.on_node()) {
        let Selector::One(name) = selector else { continue };
        // A rule for several stations may name channels that not all of them have.
        let Some(here) = selected(*name) else { continue };
        if rule.quantity.is_some_and(|q| q != here.quantity) {
            let message = format!("channel {name} of {node} is {}", here.quantity.name());
            let fix = format!("write `quantity = \"{}\"`", here.quantity.name());
            return Err(vec![document.mistake(&format!("channels[{i}]"), message, fix)]);
        }
    }
    loaded.doubts.extend(doubts(&document, node, channels));
    loaded.here.push(rule.clone());
    if rule.on_node() {
        // Readings arrive in order here, so nothing has to be waited for.
        loaded.on_node.push(document.value.in_order());
    }
    Ok(())
}
