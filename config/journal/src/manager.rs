//! What the service manager is told (`sd_notify(3)`): that the program is ready, that it stops, and
//! that it lives. Without a service manager nobody is told anything.

use std::{ffi::OsStr, time::Duration};

#[cfg(target_os = "linux")]
use std::os::{
    linux::net::SocketAddrExt,
    unix::{
        ffi::OsStrExt,
        net::{SocketAddr, UnixDatagram},
    },
};

/// The service manager, if there is one.
#[derive(Debug, Default)]
pub struct Manager {
    #[cfg(target_os = "linux")]
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Manager {
    /// As the environment says: `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`.
    #[must_use]
    pub fn from_environment() -> Self {
        let socket = std::env::var_os("NOTIFY_SOCKET");
        let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let watchdog = number("WATCHDOG_USEC").filter(|_| ours).map(Duration::from_micros);
        Self::new(socket.as_deref(), watchdog)
    }

    /// The one that listens on this socket, a path or `@` and an abstract name, and waits for so long
    /// for a sign of life.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn new(socket: Option<&OsStr>, watchdog: Option<Duration>) -> Self {
        let socket = socket.and_then(|path| {
            let address = match path.as_bytes() {
                [b'@', name @ ..] => SocketAddr::from_abstract_name(name),
                _ => SocketAddr::from_pathname(path),
            };
            let opened = address.and_then(|address| Ok((UnixDatagram::unbound()?, address)));
            let opened = opened.and_then(|(socket, address)| {
                // A manager that does not read must not hold the program.
                socket.set_nonblocking(true)?;
                Ok((socket, address))
            });
            opened
                .inspect_err(|error| tracing::warn!(%error, "the service manager cannot be told"))
                .ok()
        });
        let watchdog = watchdog.filter(|_| socket.is_some());
        Self { socket, watchdog }
    }

    /// There is none on this system.
    #[cfg(not(target_os = "linux"))]
    #[must_use]
    pub fn new(_: Option<&OsStr>, _: Option<Duration>) -> Self {
        Self::default()
    }

    /// How long the manager waits for a sign of life, if it does.
    #[must_use]
    pub fn watchdog(&self) -> Option<Duration> {
        self.watchdog
    }

    /// Everything listens.
    pub fn ready(&self) {
        self.say("READY=1");
    }

    /// It lives.
    pub fn alive(&self) {
        self.say("WATCHDOG=1");
    }

    /// It stops.
    pub fn stopping(&self) {
        self.say("STOPPING=1");
    }

    #[cfg(target_os = "linux")]
    fn say(&self, what: &str) {
        if let Some((socket, address)) = &self.socket
            && let Err(error) = socket.send_to_addr(what.as_bytes(), address)
        {
            tracing::debug!(%error, what, "the service manager was not told");
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn say(&self, _: &str) {}
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;

    fn heard(socket: &UnixDatagram) -> String {
        let mut buffer = [0; 64];
        let n = socket.recv(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..n]).into_owned()
    }

    #[test]
    fn the_manager_is_told_on_a_path_and_on_an_abstract_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let name = format!("tram-notify-{}", std::process::id());
        let abstract_name = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
        for (socket, told) in [
            (UnixDatagram::bind(&path).unwrap(), path.clone().into_os_string()),
            (UnixDatagram::bind_addr(&abstract_name).unwrap(), format!("@{name}").into()),
        ] {
            let manager = Manager::new(Some(&told), Some(Duration::from_secs(3)));
            assert_eq!(manager.watchdog(), Some(Duration::from_secs(3)));
            manager.ready();
            manager.alive();
            manager.stopping();
            assert_eq!([(); 3].map(|()| heard(&socket)), ["READY=1", "WATCHDOG=1", "STOPPING=1"]);
        }
    }

    #[test]
    fn without_a_manager_nothing_is_said_and_nothing_fails() {
        let nobody = Manager::new(None, Some(Duration::from_secs(3)));
        assert_eq!(nobody.watchdog(), None);
        nobody.ready();
        let folder = tempfile::tempdir().unwrap();
        Manager::new(Some(folder.path().join("gone").as_os_str()), None).ready();
        let absurd = "x".repeat(500);
        Manager::new(Some(OsStr::new(&absurd)), None).ready();
    }
}
