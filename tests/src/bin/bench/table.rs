//! The table: what was measured, what was asked for, and whether it was reached.

use std::{fmt::Write, path::Path};

use anyhow::Result;
use serde_json::{Value, json};

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    /// A rate.
    More,
    /// A time or a size.
    Less,
}

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Goal {
    better: Better,
    at_least: f64,
    aim: f64,
}

impl Goal {
    /// A figure that should be this large.
    pub(crate) fn more(at_least: f64, aim: f64) -> Self {
        Self { better: Better::More, at_least, aim }
    }

    /// A figure that should be this small.
    pub(crate) fn less(at_least: f64, aim: f64) -> Self {
        Self { better: Better::Less, at_least, aim }
    }

    fn verdict(self, value: f64) -> &'static str {
        let reached = |goal: f64| match self.better {
            Better::More => value >= goal,
            Better::Less => value <= goal,
        };
        match (reached(self.at_least), reached(self.aim)) {
            (_, true) => "aim reached",
            (true, false) => "reached",
            (false, false) => "NOT reached",
        }
    }
}

#[derive(Debug, Clone)]
struct Row {
    section: &'static str,
    what: String,
    unit: &'static str,
    value: Result<f64, String>,
    goal: Option<Goal>,
}

/// Everything measured so far. Rows are printed as they come and once more at the end, together.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: Vec<Row>,
    section: &'static str,
}

impl Table {
    /// What the rows that follow are about.
    pub(crate) fn section(&mut self, section: &'static str) {
        self.section = section;
        eprintln!("{section} …");
    }

    /// A figure nothing is asked of.
    pub(crate) fn figure(&mut self, what: impl Into<String>, value: f64, unit: &'static str) {
        self.add(what.into(), Ok(value), unit, None);
    }

    /// A figure something is asked of.
    pub(crate) fn asked(
        &mut self,
        what: impl Into<String>,
        value: f64,
        unit: &'static str,
        goal: Goal,
    ) {
        self.add(what.into(), Ok(value), unit, Some(goal));
    }

    /// Something that could not be measured here; `why` says what to install.
    pub(crate) fn skipped(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.add(what.into(), Err(why.into()), "", None);
    }

    /// A sentence beside the figures.
    pub(crate) fn note(&mut self, sentence: impl Into<String>) {
        let sentence = sentence.into();
        eprintln!("  {sentence}");
        let (section, value) = (self.section, Err(String::new()));
        self.rows.push(Row { section, what: sentence, unit: "", value, goal: None });
    }

    fn add(
        &mut self,
        what: String,
        value: Result<f64, String>,
        unit: &'static str,
        goal: Option<Goal>,
    ) {
        let row = Row { section: self.section, what, unit, value, goal };
        eprintln!("  {}", row.line());
        self.rows.push(row);
    }

    /// The table as text.
    pub(crate) fn text(&self) -> String {
        let mut text =
            format!("{:<62} {:>12} {:<14} {:>10} {:>11}\n", "what", "value", "", "at least", "aim");
        let mut section = "";
        for row in &self.rows {
            if row.section != section {
                section = row.section;
                let _ = writeln!(text, "\n{section}");
            }
            let _ = writeln!(text, "  {}", row.line());
        }
        text
    }

    /// Writes it for machines: `{"machine", "rows": [{"section", "what", "value", …}]}`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn write(&self, path: &Path, machine: &str, seconds: f64) -> Result<()> {
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        let text = json!({ "machine": machine, "seconds": seconds, "rows": rows });
        Ok(std::fs::write(path, serde_json::to_string_pretty(&text)? + "\n")?)
    }
}

impl Row {
    fn line(&self) -> String {
        let value = match &self.value {
            Ok(value) => *value,
            Err(why) if why.is_empty() => return self.what.clone(),
            Err(why) => return format!("{:<60} skipped: {why}", self.what),
        };
        let start = format!("{:<60} {:>12} {:<14}", self.what, number(value), self.unit);
        let Some(goal) = self.goal else { return start.trim_end().to_owned() };
        format!(
            "{start} {:>10} {:>11}  {}",
            number(goal.at_least),
            number(goal.aim),
            goal.verdict(value)
        )
    }

    fn json(&self) -> Value {
        json!({
            "section": self.section,
            "what": self.what,
            "unit": self.unit,
            "value": self.value.as_ref().ok(),
            "skipped": self.value.as_ref().err(),
            "at_least": self.goal.map(|g| g.at_least),
            "aim": self.goal.map(|g| g.aim),
            "verdict": self.goal.zip(self.value.as_ref().ok()).map(|(g, v)| g.verdict(*v)),
        })
    }
}

/// Three digits that count for small numbers, thousands apart for large ones.
fn number(n: f64) -> String {
    if n.abs() < 1000.0 {
        let decimals = match n.abs() {
            a if a == n.abs().trunc() && a >= 10.0 => 0,
            a if a >= 100.0 => 0,
            a if a >= 10.0 => 1,
            a if a >= 0.995 => 2,
            _ => 3,
        };
        return format!("{n:.decimals$}");
    }
    let digits = format!("{n:.0}");
    let first = digits.len() % 3;
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && i % 3 == first {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_thousands_apart() {
        for (n, text) in [
            (0.0123, "0.012"),
            (1.294, "1.29"),
            (17.46, "17.5"),
            (512.0, "512"),
            (1000.0, "1,000"),
            (1_952_996.4, "1,952,996"),
            (12_345.0, "12,345"),
        ] {
            assert_eq!(number(n), text);
        }
    }

    #[test]
    fn a_verdict_looks_the_right_way() {
        let rate = Goal::more(100.0, 1000.0);
        let time = Goal::less(50.0, 5.0);
        assert_eq!(
            [99.0, 100.0, 1000.0].map(|v| rate.verdict(v)),
            ["NOT reached", "reached", "aim reached"]
        );
        assert_eq!(
            [50.1, 50.0, 5.0].map(|v| time.verdict(v)),
            ["NOT reached", "reached", "aim reached"]
        );
    }
}
