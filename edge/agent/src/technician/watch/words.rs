//! Quality in words.

use tram_wire::{Flag, Quality};

use crate::speech::{Language, Tone};

/// A flag in a word, and its tone.
pub(super) fn flag(language: Language, flag: Flag) -> (&'static str, Tone) {
    let (pair, tone) = match flag {
        Flag::Good => (["tốt", "good"], Tone::Good),
        Flag::NotEvaluated => (["chưa xét", "not evaluated"], Tone::Faint),
        Flag::Suspect => (["nghi ngờ", "suspect"], Tone::Warning),
        Flag::Fail => (["sai", "wrong"], Tone::Bad),
        Flag::Missing => (["không có", "missing"], Tone::Bad),
    };
    (language.of(pair), tone)
}

/// Why a reading has its quality: the tests that fired.
pub(super) fn reasons(language: Language, quality: Quality) -> String {
    let words = quality.tests.names().map(|name| {
        language.of(match name {
            "gross_range" => ["ngoài phạm vi", "out of range"],
            "spike" => ["nhảy vọt", "a spike"],
            "rate_of_change" => ["thay đổi quá nhanh", "changes too fast"],
            "flat_line" => ["đứng yên quá lâu", "has not moved for too long"],
            "gap" => ["chưa có số đo liền trước", "no reading just before it"],
            "sensor_error" => ["cảm biến không cho số đo", "the sensor gives nothing"],
            "disagreement" => ["hai vòng từ không khớp nhau", "the two loops disagree"],
            "bounce" => ["tiếp điểm bị rung", "the contact bounces"],
            "echo_loss" => ["mất tiếng vọng", "echoes are lost"],
            "uncorrected" => ["chưa hiệu chỉnh nhiệt độ", "not corrected for temperature"],
            other => [other, other],
        })
    });
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use tram_wire::Tests;

    use super::*;

    #[test]
    fn every_test_has_words_of_its_own_in_both_languages() {
        for bit in 0..10 {
            let tests = Tests::from_bits(1 << bit).unwrap();
            let quality = Quality { flag: Flag::Suspect, tests };
            let name = tests.names().next().unwrap();
            for language in [Language::Vi, Language::En] {
                let said = reasons(language, quality);
                assert!(!said.is_empty() && !said.contains('_') && said != name, "{name}: {said}");
            }
        }
        assert_eq!(reasons(Language::Vi, Quality::GOOD), "");
    }
}
