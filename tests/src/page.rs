//! A page of `docs/` whose commands a test runs.

use anyhow::{Context, Result, ensure};

/// A block of a page that is marked as `console`: what is typed, what it prints, how it ends.
struct Block {
    /// How the last command ends; the others end with 0.
    exit: i32,
    /// Each command with the lines that the page shows of it.
    commands: Vec<(String, Vec<String>)>,
}

impl Block {
    /// Every such block of a page, in order.
    fn all(page: &str) -> Result<Vec<Self>> {
        let mut blocks = Vec::new();
        let mut lines = page.lines();
        while let Some(line) = lines.next() {
            let Some(rest) = line.strip_prefix("```console") else { continue };
            let exit = rest.trim().strip_prefix("exit=").map_or(Ok(0), str::parse);
            let mut block = Self { exit: exit.context("exit= of a block")?, commands: Vec::new() };
            for line in lines.by_ref().take_while(|l| *l != "```") {
                let last = block.commands.last_mut();
                match (line.strip_prefix("$ "), last) {
                    (Some(command), _) => block.commands.push((command.to_owned(), Vec::new())),
                    // A command that is too long for a line of the page.
                    (None, Some((command, _))) if command.ends_with('\\') => {
                        command.pop();
                        command.push_str(line.trim_start());
                    }
                    (None, last) => {
                        last.context("a block begins with `$ `")?.1.push(line.to_owned());
                    }
                }
            }
            blocks.push(block);
        }
        Ok(blocks)
    }
}

/// Runs every command of a page, which has `least` blocks or more, with `run`: what it says and how
/// it ends has to be what the page shows, other numbers aside. `run` gives back both.
///
/// # Errors
/// What is not as the page has it.
pub fn follow(
    page: &str,
    least: usize,
    mut run: impl FnMut(&str) -> (Option<i32>, String),
) -> Result<()> {
    let blocks = Block::all(page)?;
    ensure!(blocks.len() >= least, "{} blocks", blocks.len());
    for block in &blocks {
        for (i, (command, shown)) in block.commands.iter().enumerate() {
            let last = i + 1 == block.commands.len();
            let exit = if last { block.exit } else { 0 };
            let (code, said) = run(command);
            println!("$ {command}\n{said}");
            ensure!(code == Some(exit), "$ {command}\n{said}ended with {code:?}, not {exit}");
            for line in shown {
                for word in words(line) {
                    ensure!(said.contains(word), "`{word}` of `{line}` in\n$ {command}\n{said}");
                }
            }
        }
    }
    Ok(())
}

/// The words of a line: what does not change from run to run.
fn words(line: &str) -> Vec<&str> {
    let word = |w: &&str| w.len() > 3 && w.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    line.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(word).collect()
}
