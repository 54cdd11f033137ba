//! The dashboard and the rules that ship ask only for what a running centre tells: every metric,
//! every label, every value of a label that is named. Where Prometheus is installed it evaluates
//! all of it.
#![expect(
    clippy::indexing_slicing,
    reason = "what is not there in JSON is null, and a place found in a text is in it"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tram_tests::{Everything, Program, binary, skip, until};

/// Labels that Prometheus adds to every series.
const SCRAPED: [&str; 2] = ["instance", "job"];
/// What Prometheus itself tells of a target.
const OWN: [&str; 1] = ["up"];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// An expression and where it is from; with the labels that its legend or its text names.
struct Asked {
    place: String,
    expression: String,
    shown: Vec<String>,
}

/// Every expression of the dashboard.
fn dashboard() -> Result<Vec<Asked>> {
    let text = std::fs::read_to_string(top().join("config/grafana/tram.json"))?;
    let dashboard: Value = serde_json::from_str(&text)?;
    let mut asked = Vec::new();
    let panels = dashboard["panels"].as_array().context("no panels")?;
    for panel in panels {
        let title = panel["title"].as_str().context("a panel without a title")?;
        if panel["type"] == "row" {
            continue;
        }
        ensure!(panel["description"].as_str().is_some_and(|d| !d.is_empty()), "{title}: no words");
        for target in panel["targets"].as_array().context("no targets")? {
            let expression = target["expr"].as_str().context("no expression")?;
            let legend = target["legendFormat"].as_str().unwrap_or_default();
            asked.push(Asked {
                place: format!("the panel {title:?}"),
                expression: expression.to_owned(),
                shown: between(legend, "{{", "}}"),
            });
        }
    }
    Ok(asked)
}

/// Every expression of the rules. The file is YAML of a simple kind: `expr:` with the expression
/// behind it, or `>` and the expression on the lines below that are further in.
fn rules() -> Result<Vec<Asked>> {
    let text = std::fs::read_to_string(top().join("config/prometheus/rules.yml"))?;
    let mut asked: Vec<Asked> = Vec::new();
    let mut name = "";
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let inset = line.len() - line.trim_start().len();
        let line = line.trim_start();
        if let Some(alert) = line.strip_prefix("- alert: ") {
            name = alert;
        } else if let Some(rest) = line.strip_prefix("expr: ") {
            let mut expression = rest.trim_start_matches('>').to_owned();
            while let Some(more) = lines.peek() {
                if more.len() - more.trim_start().len() <= inset {
                    break;
                }
                expression = expression + " " + more.trim();
                lines.next();
            }
            let place = format!("the rule {name}");
            asked.push(Asked { place, expression, shown: Vec::new() });
        } else if let Some(summary) = line.strip_prefix("summary: ") {
            let shown = between(summary, "{{ $labels.", " }}");
            asked.last_mut().context("a summary without a rule")?.shown = shown;
        }
    }
    Ok(asked)
}

fn between(text: &str, open: &str, close: &str) -> Vec<String> {
    let pieces = text.split(open).skip(1);
    pieces.filter_map(|p| p.split(close).next()).map(|p| p.trim().to_owned()).collect()
}

/// What the centre tells: for each metric its labels, and their values.
type Told = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

fn told(page: &str) -> Told {
    let mut told = Told::new();
    for line in page.lines().filter(|l| !l.starts_with('#')) {
        let series = line.rsplit_once(' ').map_or(line, |(series, _)| series);
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let known = told.entry(name.to_owned()).or_default();
        for label in labels.trim_end_matches('}').split(',').filter(|l| !l.is_empty()) {
            let (key, value) = label.split_once('=').unwrap_or((label, ""));
            let values = known.entry(key.to_owned()).or_default();
            values.insert(value.trim_matches('"').to_owned());
        }
    }
    told
}

/// Checks one expression against what is told.
fn check(asked: &Asked, told: &Told) -> Result<()> {
    let Asked { place, expression, shown } = asked;
    let mut rest = expression.as_str();
    let mut known: BTreeSet<&str> = SCRAPED.into();
    let mut metrics = 0;
    let mut grouped = Vec::new();
    let none = BTreeMap::new();
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic() || c == '_' || c == '"') {
        rest = &rest[start..];
        if let Some(quoted) = rest.strip_prefix('"') {
            rest = quoted.split_once('"').context("an open quotation")?.1;
            continue;
        }
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        rest = behind;
        if word == "by" || word == "without" {
            let list = between(behind, "(", ")").into_iter().next().unwrap_or_default();
            grouped.extend(list.split(',').map(|l| l.trim().to_owned()));
            rest = behind.split_once(')').map_or("", |(_, rest)| rest);
            continue;
        }
        if !(word.starts_with("tram_") || word.starts_with("process_") || OWN.contains(&word)) {
            continue;
        }
        metrics += 1;
        let labels = match told.get(word) {
            Some(labels) => labels,
            None if OWN.contains(&word) => &none,
            None => bail!("{place} asks for {word}, which there is not: {expression}"),
        };
        known.extend(labels.keys().map(String::as_str));
        let Some(matchers) = behind.strip_prefix('{') else { continue };
        let (matchers, after) = matchers.split_once('}').context("an open brace")?;
        rest = after;
        for matcher in matchers.split(',') {
            let at = matcher.find(['=', '!']).context("a matcher")?;
            let (label, value) = matcher.split_at(at);
            if SCRAPED.contains(&label) {
                continue;
            }
            let values = labels.get(label);
            let values = values.with_context(|| format!("{place}: {word} has no label {label}"))?;
            let wanted = value.trim_start_matches(['=', '!', '~']).trim_matches('"');
            for wanted in wanted.split('|') {
                ensure!(values.contains(wanted), "{place}: {word} has no {label}={wanted}");
            }
        }
    }
    ensure!(metrics > 0, "{place} asks for nothing: {expression}");
    for label in grouped.iter().chain(shown).map(String::as_str) {
        ensure!(known.contains(label), "{place} names the label {label:?}: {expression}");
    }
    Ok(())
}

#[test]
fn every_expression_asks_for_what_the_centre_tells() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let programs = (Command::new(binary("tram-ingest")?), Command::new(binary("tram-edge")?));
    let all = Everything::start(folder.path(), programs.0, programs.1)?;
    until("readings in the engine", Duration::from_secs(30), || {
        (all.engine.taken().0 > 0).then_some(())
    })?;
    let told = told(&all.centre.text("/metrics")?);
    let asked: Vec<Asked> = dashboard()?.into_iter().chain(rules()?).collect();
    ensure!(asked.len() > 80, "only {} expressions", asked.len());
    for asked in &asked {
        check(asked, &told)?;
    }
    // A check that lets everything pass is none.
    for wrong in ["tram_no_such_metric", "tram_sink_up{snk=\"x\"}", "tram_queue_depth{queue=\"x\"}"]
    {
        let place = "the test".to_owned();
        let asked = Asked { place, expression: wrong.to_owned(), shown: Vec::new() };
        ensure!(check(&asked, &told).is_err(), "{wrong} passes");
    }
    prometheus(&all, folder.path(), &asked)
}

/// Asks a real Prometheus, which scrapes the centre, for every expression.
fn prometheus(all: &Everything, folder: &Path, asked: &[Asked]) -> Result<()> {
    if Command::new("prometheus").arg("--version").output().is_err() {
        skip("prometheus is not installed (apt install prometheus)");
        return Ok(());
    }
    let sample = top().join("config/prometheus");
    let target = all.centre.url("").trim_start_matches("http://").to_owned();
    let text = std::fs::read_to_string(sample.join("prometheus.yml"))?
        .replace("127.0.0.1:8080", &target)
        .replace("interval: 15s", "interval: 1s");
    ensure!(text.contains(&target) && text.contains("interval: 1s"), "the sample has changed");
    std::fs::write(folder.join("prometheus.yml"), text)?;
    std::fs::copy(sample.join("rules.yml"), folder.join("rules.yml"))?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut command = Command::new("prometheus");
    command
        .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", folder.join("tsdb").display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"));
    let running = Program::start(&mut command, &folder.join("prometheus.log"))?;
    let get = |path: &str, query: &[(&str, &str)]| -> Result<Value> {
        let request = ureq::get(format!("http://127.0.0.1:{port}/api/v1/{path}"));
        let agent = request.query_pairs(query.iter().copied());
        let mut answer = agent.config().http_status_as_error(false).build().call()?;
        Ok(answer.body_mut().read_json()?)
    };
    // Rates need two scrapes, and the node has to have been heard by then.
    until("three scrapes", Duration::from_secs(60), || {
        let found = get("query", &[("query", "count_over_time(tram_log_last[1m]) >= 3")]).ok()?;
        (!found["data"]["result"].as_array()?.is_empty()).then_some(())
    })
    .with_context(|| running.printed())?;
    for Asked { place, expression, .. } in asked {
        let expression = expression.replace("$instance", ".*").replace("$__rate_interval", "20s");
        let answer = get("query", &[("query", &expression)])?;
        ensure!(answer["status"] == "success", "{place}: {expression}: {answer}");
        let empty = answer["data"]["result"].as_array().is_none_or(Vec::is_empty);
        // Comparisons leave nothing when all is well.
        let may_be_empty = [" > ", " < ", " == ", " != "].iter().any(|c| expression.contains(c));
        ensure!(!empty || may_be_empty, "{place} shows nothing: {expression}");
    }
    let rules = get("rules", &[])?;
    let groups = rules["data"]["groups"].as_array().context("no groups")?;
    let rules = groups.iter().filter_map(|g| g["rules"].as_array()).flatten();
    let mut evaluated = 0;
    for rule in rules {
        ensure!(rule["health"] != "err", "{rule}");
        evaluated += 1;
    }
    ensure!(evaluated > 20, "{evaluated} rules");
    // Nothing that is well should wake anybody.
    let alerts = get("alerts", &[])?;
    let firing: Vec<&Value> = alerts["data"]["alerts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|a| a["state"] == "firing" && a["labels"]["severity"] == "page")
        .collect();
    ensure!(firing.is_empty(), "{firing:?}");
    Ok(())
}
