//! One text in the three languages the public reads.

use serde::{Deserialize, Serialize};

/// A text in Vietnamese, English and Chinese.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// Vietnamese (`vi-VN`).
    pub vi: String,
    /// English (`en-US`).
    pub en: String,
    /// Chinese, simplified (`zh-CN`).
    pub zh: String,
}

/// A language of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    Vietnamese,
    English,
    Chinese,
}

impl Language {
    /// Every language, in the order of a message's `<info>` elements.
    pub(crate) const ALL: [Self; 3] = [Self::Vietnamese, Self::English, Self::Chinese];

    /// The RFC 3066 tag CAP wants.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::Vietnamese => "vi-VN",
            Self::English => "en-US",
            Self::Chinese => "zh-CN",
        }
    }
}

impl Texts {
    /// The text in one language.
    pub(crate) fn get(&self, language: Language) -> &str {
        match language {
            Language::Vietnamese => &self.vi,
            Language::English => &self.en,
            Language::Chinese => &self.zh,
        }
    }

    /// A text made for each language.
    pub(crate) fn each(make: impl Fn(Language) -> String) -> Self {
        Self {
            vi: make(Language::Vietnamese),
            en: make(Language::English),
            zh: make(Language::Chinese),
        }
    }
}
