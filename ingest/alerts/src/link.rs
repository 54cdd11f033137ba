//! Links in a message by which a person acts without logging in.
//!
//! A link names one act on one alarm at one level by one person until one time, and carries a
//! keyed digest of all of that (HMAC-SHA256, its first half: RFC 2104 §5). Whoever has the link can
//! do this one thing and nothing else; a link made for level 3 approves no level 4. Opening it
//! changes nothing: programs that show a preview of a link open it too.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tram_rules::Language;
use tram_wire::{EpisodeId, UnixMicros};

use crate::{
    MAX_PERSON_BYTES, Secret,
    time::{HOUR, SECOND},
};

/// How long a link stands when nobody says otherwise: a day.
pub const LINK_STANDS: i64 = 24 * HOUR;
/// Below which path of the public address links are.
pub const LINK_PATH: &str = "/act/";

/// The version of the layout below.
const VERSION: u8 = 1;
/// The bytes before the person: version, action, level, language, expiry (4), episode (16).
const HEAD_BYTES: usize = 24;
/// The bytes of the digest.
const MAC_BYTES: usize = 16;
/// The longest token, in characters: base64 has 4 for 3 bytes.
const MAX_TOKEN_BYTES: usize = (HEAD_BYTES + MAX_PERSON_BYTES + MAC_BYTES).div_ceil(3) * 4;
/// What the digest is taken over begins with this, so that no other use of the key can be mistaken
/// for a link.
const PURPOSE: &[u8] = b"tram link 1\0";

/// The one thing a link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkAction {
    /// Says that the person has seen the alarm.
    Acknowledge,
    /// Puts the alarm aside for a while.
    Shelve,
    /// Lets the public be told.
    Approve,
    /// Keeps the public from being told.
    Reject,
    /// Says that the danger is over.
    AllClear,
}

impl LinkAction {
    /// Every action.
    pub const ALL: [Self; 5] =
        [Self::Acknowledge, Self::Shelve, Self::Approve, Self::Reject, Self::AllClear];

    /// The word in paths, logs and the audit.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Acknowledge => "ack",
            Self::Shelve => "shelve",
            Self::Approve => "approve",
            Self::Reject => "reject",
            Self::AllClear => "all-clear",
        }
    }
}

/// What a link says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkClaim {
    /// What it does.
    pub action: LinkAction,
    /// To which alarm.
    pub episode: EpisodeId,
    /// The level at which the person was told; an approval is for this one only.
    pub level: u8,
    /// Who acts: the name that goes into the audit, 1 to [`MAX_PERSON_BYTES`] bytes.
    pub person: String,
    /// The language the person reads.
    pub language: Language,
    /// Until when it works; whole seconds up to the year 2106.
    pub expires: UnixMicros,
}

/// Why a link does nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// It was not made here, or not as it is now.
    #[error("the link is not one of this centre, or is cut off")]
    Broken,
    /// It has expired; what it said is still known.
    #[error("the link has expired")]
    Expired(Box<LinkClaim>),
}

/// Makes and reads links.
#[derive(Debug, Clone)]
pub struct Links {
    key: Secret,
    public_url: String,
}

impl Links {
    /// Links below `public_url`, the address of the centre without a slash at its end.
    #[must_use]
    pub fn new(key: Secret, public_url: &str) -> Self {
        Self { key, public_url: public_url.to_owned() }
    }

    /// The link of a claim; `None` when it has no fit person, level or expiry. The same claim has
    /// the same link.
    #[must_use]
    pub fn url(&self, claim: &LinkClaim) -> Option<String> {
        Some(format!("{}{LINK_PATH}{}", self.public_url, self.token(claim)?))
    }

    /// What follows [`LINK_PATH`] in a link.
    #[must_use]
    pub fn token(&self, claim: &LinkClaim) -> Option<String> {
        let person = claim.person.as_str();
        let named = !person.trim().is_empty() && person.len() <= MAX_PERSON_BYTES;
        if !named || claim.level > 5 {
            return None;
        }
        let expires = u32::try_from(claim.expires.0 / SECOND).ok()?;
        let action = LinkAction::ALL.iter().position(|action| *action == claim.action)?;
        let language = Language::ALL.iter().position(|language| *language == claim.language)?;
        let mut bytes =
            vec![VERSION, u8::try_from(action).ok()?, claim.level, u8::try_from(language).ok()?];
        bytes.extend(expires.to_be_bytes());
        bytes.extend(claim.episode.0);
        bytes.extend(person.as_bytes());
        let digest = self.mac(&bytes).finalize().into_bytes();
        bytes.extend(digest.iter().take(MAC_BYTES));
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What a link says, when it was made with this key and has not expired.
    ///
    /// # Errors
    /// [`LinkError`] when it does nothing.
    pub fn read(&self, token: &str, now: UnixMicros) -> Result<LinkClaim, LinkError> {
        let claim = self.verified(token).ok_or(LinkError::Broken)?;
        if claim.expires <= now {
            return Err(LinkError::Expired(Box::new(claim)));
        }
        Ok(claim)
    }

    fn verified(&self, token: &str) -> Option<LinkClaim> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        let (signed, digest) = bytes.split_at_checked(bytes.len().checked_sub(MAC_BYTES)?)?;
        // Compared in constant time, before anything of it is believed.
        self.mac(signed).verify_truncated_left(digest).ok()?;
        let (head, person) = signed.split_at_checked(HEAD_BYTES)?;
        let (&[version, action, level, language], rest) = head.split_first_chunk::<4>()?;
        let (expires, episode) = rest.split_first_chunk::<4>()?;
        if version != VERSION {
            return None;
        }
        Some(LinkClaim {
            action: *LinkAction::ALL.get(usize::from(action))?,
            episode: EpisodeId(episode.try_into().ok()?),
            level,
            person: str::from_utf8(person).ok()?.to_owned(),
            language: *Language::ALL.get(usize::from(language))?,
            expires: UnixMicros(i64::from(u32::from_be_bytes(*expires)) * SECOND),
        })
    }

    fn mac(&self, signed: &[u8]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.key.bytes())
            .expect("HMAC takes keys of any length");
        mac.update(PURPOSE);
        mac.update(signed);
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::START;

    fn links(key: &[u8]) -> Links {
        Links::new(Secret::new(key).unwrap(), "https://warn.example.gov.vn")
    }

    fn claim(action: LinkAction) -> LinkClaim {
        LinkClaim {
            action,
            episode: EpisodeId([7; 16]),
            level: 3,
            person: "Nguyễn Văn An".to_owned(),
            language: Language::Vi,
            expires: START.plus(LINK_STANDS),
        }
    }

    const KEY: &[u8] = b"0123456789abcdef";

    #[test]
    fn a_link_says_what_it_was_made_of_until_it_expires() {
        let links = links(KEY);
        for action in LinkAction::ALL {
            let claim = claim(action);
            let url = links.url(&claim).unwrap();
            let token = url.strip_prefix("https://warn.example.gov.vn/act/").unwrap();
            assert!(token.len() < 100, "{token}");
            assert!(token.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b)));
            assert_eq!(links.read(token, START), Ok(claim.clone()));
            let last = claim.expires.plus(-1);
            assert_eq!(links.read(token, last), Ok(claim.clone()));
            let expired = LinkError::Expired(Box::new(claim.clone()));
            assert_eq!(links.read(token, claim.expires), Err(expired));
        }
    }

    #[test]
    fn every_changed_bit_and_every_other_key_makes_it_worthless() {
        let links = links(KEY);
        let token = links.token(&claim(LinkAction::Acknowledge)).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&token).unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let changed = URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(links.read(&changed, START), Err(LinkError::Broken), "bit {bit}");
        }
        for cut in 0..token.len() {
            assert_eq!(links.read(&token[..cut], START), Err(LinkError::Broken), "{cut}");
        }
        let other = self::links(b"0123456789abcdeg");
        assert_eq!(other.read(&token, START), Err(LinkError::Broken));
        for odd in ["", "é", "=", "....", &"A".repeat(100_000)] {
            assert_eq!(links.read(odd, START), Err(LinkError::Broken));
        }
    }

    /// Only the digest, not the encoding around it, ties person, action and level together.
    #[test]
    fn no_two_claims_have_the_same_link() {
        let links = links(KEY);
        let base = claim(LinkAction::Approve);
        let mut tokens = std::collections::HashSet::new();
        for action in LinkAction::ALL {
            for level in 0..=5 {
                for person in ["a", "ab", "b"] {
                    let claim =
                        LinkClaim { action, level, person: person.to_owned(), ..base.clone() };
                    assert!(tokens.insert(links.token(&claim).unwrap()));
                }
            }
        }
    }

    #[test]
    fn nobody_and_never_have_no_link() {
        let links = links(KEY);
        let base = claim(LinkAction::Approve);
        for person in ["", "  ", &"ă".repeat(51)] {
            let claim = LinkClaim { person: person.to_owned(), ..base.clone() };
            assert_eq!(links.url(&claim), None, "{person}");
        }
        assert_eq!(links.url(&LinkClaim { level: 6, ..base.clone() }), None);
        assert_eq!(links.url(&LinkClaim { expires: UnixMicros(i64::MAX), ..base.clone() }), None);
        assert_eq!(links.url(&LinkClaim { expires: UnixMicros(-1_000_000), ..base }), None);
    }
}
