//! How a command line on this machine speaks to the station that runs: a socket in the data folder,
//! in a folder of its own that only the station's user and root can enter.
//!
//! One line each way: `report`, `test`, `reset`, `silence SECONDS` or `drill`, then the user's name;
//! back comes a JSON object. A few callers, one after the other, each with a time limit: the station
//! itself never waits for them.

use std::{
    fs::{self, DirBuilder},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::{
        fs::DirBuilderExt as _,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::mpsc::sync_channel,
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use tracing::{debug, warn};
use tram_wire::{Act, Actor, MAX_SILENCE_S, Text, Verdict};

use crate::siren::{Desk, Report, Request, Wish};

/// The longest line.
const MAX_LINE_BYTES: u64 = 4096;
/// How long a caller may take to say what it wants, and to hear the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// What comes back.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Reply {
    /// The name of a [`Verdict`].
    pub(crate) verdict: String,
    /// How the siren is after that.
    pub(crate) siren: Report,
}

fn folder(data: &Path) -> PathBuf {
    data.join("control")
}

/// Listens, on a thread that ends with the program. Without it the station works all the same.
pub(crate) fn start(data: &Path, desk: Desk) {
    let listening = listen(&folder(data)).and_then(|listener| {
        let serve = move || serve(&listener, &desk);
        Ok(thread::Builder::new().name("control".to_owned()).spawn(serve)?)
    });
    if let Err(e) = listening {
        warn!("`tram-edge siren` cannot speak to this station: {e:#}");
    }
}

fn listen(folder: &Path) -> Result<UnixListener> {
    let socket = folder.join("socket");
    let made = DirBuilder::new().mode(0o700).recursive(true).create(folder);
    made.with_context(|| format!("making {}", folder.display()))?;
    // The spool's lock has made sure that no other station runs here.
    let _ = fs::remove_file(&socket);
    UnixListener::bind(&socket).with_context(|| format!("listening at {}", socket.display()))
}

fn serve(listener: &UnixListener, desk: &Desk) {
    for caller in listener.incoming() {
        let answered = caller.map_err(Into::into).and_then(|stream| answer(stream, desk));
        if let Err(e) = answered {
            debug!("a caller at the control socket was not served: {e:#}");
        }
    }
}

fn answer(mut stream: UnixStream, desk: &Desk) -> Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let line = line(&stream)?;
    let (wish, by) = understand(&line).ok_or_else(|| anyhow!("not understood: {line:?}"))?;
    let (tell, told) = sync_channel(1);
    let reply = Box::new(move |verdict: Verdict, siren| {
        let _ = tell.try_send(Reply { verdict: verdict.name().to_owned(), siren });
    });
    if !desk.ask(Request { wish, actor: Actor::Here, by, reply }) {
        bail!("too many requests wait");
    }
    let reply = told.recv_timeout(PATIENCE).context("the station does not come to it")?;
    writeln!(stream, "{}", serde_json::to_string(&reply)?)?;
    Ok(())
}

fn line(stream: &UnixStream) -> Result<String> {
    let mut line = String::new();
    BufReader::new(stream.take(MAX_LINE_BYTES)).read_line(&mut line)?;
    Ok(line)
}

fn understand(line: &str) -> Option<(Wish, Text<64>)> {
    let (first, by) = line.trim_end().split_once(" by ")?;
    let by = Text::new(by).ok()?;
    let wish = match first.split_once(' ') {
        Some(("silence", seconds)) => {
            let seconds = seconds.parse().ok().filter(|s| (1..=MAX_SILENCE_S).contains(s))?;
            Wish::Act(Act::Silence(seconds))
        }
        Some(_) => return None,
        None => match first {
            "report" => Wish::Report,
            "test" => Wish::Act(Act::Test),
            "reset" => Wish::Act(Act::Reset),
            "drill" => Wish::Act(Act::Drill),
            _ => return None,
        },
    };
    Some((wish, by))
}

/// Asks the station that runs with this data folder.
///
/// # Errors
/// When none runs there, or it does not answer.
pub(crate) fn ask(data: &Path, wish: Wish, by: &str) -> Result<Reply> {
    let socket = folder(data).join("socket");
    let mut stream = UnixStream::connect(&socket)
        .with_context(|| format!("no station answers at {}", socket.display()))?;
    stream.set_read_timeout(Some(PATIENCE * 2))?;
    let wish = match wish {
        Wish::Report => "report".to_owned(),
        Wish::Act(Act::Silence(seconds)) => format!("silence {seconds}"),
        Wish::Act(act) => act.name().to_owned(),
    };
    writeln!(stream, "{wish} by {by}")?;
    let line = line(&stream).context("the station does not answer")?;
    serde_json::from_str(&line).context("the station did not understand; is it another version?")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn lines_are_wishes_or_nothing() {
        let by = |s: &str| Text::new(s).unwrap();
        assert_eq!(understand("test by Lan\n"), Some((Wish::Act(Act::Test), by("Lan"))));
        let silence = Wish::Act(Act::Silence(600));
        assert_eq!(understand("silence 600 by a by b"), Some((silence, by("a by b"))));
        let long = format!("test by {}", "x".repeat(65));
        for bad in
            ["", "test", "sound by x", "silence by x", "silence 0 by x", "silence 3601 by x", &long]
        {
            assert_eq!(understand(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_caller_is_answered_and_nobody_else_can_enter() {
        let data = tempfile::tempdir().unwrap();
        let absent = ask(data.path(), Wish::Report, "x").unwrap_err();
        assert!(format!("{absent:#}").contains("no station answers at"), "{absent:#}");
        let (desk, requests) = Desk::new();
        start(data.path(), desk);
        let mode = fs::metadata(data.path().join("control")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let station = thread::spawn(move || {
            let request = requests.recv().unwrap();
            assert_eq!((request.wish, request.actor), (Wish::Act(Act::Reset), Actor::Here));
            assert_eq!(request.by.as_str(), "Lan");
            let siren = Report {
                tone: "quiet".to_owned(),
                fitted: true,
                relay_fails: false,
                silent_for_s: None,
                latched: Vec::new(),
            };
            (request.reply)(Verdict::NothingSounds, siren);
        });
        let reply = ask(data.path(), Wish::Act(Act::Reset), "Lan").unwrap();
        station.join().unwrap();
        assert_eq!((reply.verdict.as_str(), reply.siren.fitted), ("nothing-sounds", true));
    }
}
