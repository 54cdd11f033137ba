//! The key with which links in messages are signed: `links.key` in the data folder, made at the
//! first start. Whoever removes it makes every link worthless that was sent before.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ring::rand::{SecureRandom as _, SystemRandom};
use tram_alerts::{Links, Secret};

use crate::failure::Failure;

/// The key: 43 characters of base64 and a line's end, readable by the centre's user only.
pub(crate) const KEY: &str = "links.key";
/// The bytes of the key: as many as its digest has (RFC 2104 §3).
const KEY_BYTES: usize = 32;

/// Reads the key of a data folder, or makes one, for links below `public_url`.
///
/// # Errors
/// [`Failure`] when the file cannot be read or written, or holds no key.
pub(crate) fn open(data: &Path, public_url: &str) -> Result<Links, Failure> {
    let path = data.join(KEY);
    let failure = |why: String| {
        Failure::new(
            format!("{} cannot be used: {why}", path.display()),
            "Without it no link in a message works. Bring the file back from a copy; or remove it \
             and start the centre: links that were sent before then do nothing any more",
        )
    };
    if !path.exists() {
        make(&path).map_err(|e| failure(e.to_string()))?;
    }
    let key = Secret::from_file(&path).map_err(|e| failure(e.to_string()))?;
    Ok(Links::new(key, public_url))
}

/// Writes a new key, as a whole or not at all.
fn make(path: &Path) -> io::Result<()> {
    let mut key = [0; KEY_BYTES];
    SystemRandom::new()
        .fill(&mut key)
        .map_err(|_| io::Error::other("the system gives no random numbers"))?;
    let new = path.with_extension("new");
    // Left behind by a power cut, perhaps with other permissions.
    let _ = fs::remove_file(&new);
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(&new)?;
    writeln!(file, "{}", STANDARD.encode(key))?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use tram_alerts::{LinkAction, LinkClaim};
    use tram_rules::Language;
    use tram_wire::{EpisodeId, UnixMicros};

    use super::*;

    #[test]
    fn a_link_works_after_a_restart_and_not_after_the_key_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let claim = LinkClaim {
            action: LinkAction::Acknowledge,
            episode: EpisodeId([1; 16]),
            level: 2,
            person: "Lan".to_owned(),
            language: Language::Vi,
            expires: UnixMicros(2_000_000_000_000_000),
        };
        let token = open(folder.path(), "http://x").unwrap().token(&claim).unwrap();
        let mode = fs::metadata(folder.path().join(KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = open(folder.path(), "http://x").unwrap();
        assert_eq!(again.read(&token, UnixMicros(0)).unwrap(), claim);
        fs::remove_file(folder.path().join(KEY)).unwrap();
        assert!(open(folder.path(), "http://x").unwrap().read(&token, UnixMicros(0)).is_err());
        fs::write(folder.path().join(KEY), "short").unwrap();
        let failure = open(folder.path(), "http://x").unwrap_err().to_string();
        assert!(failure.contains("links.key") && !failure.contains("short"), "{failure}");
    }
}
