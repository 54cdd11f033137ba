//! How a request for a certificate ended.

use tram_wire::EnrolRefusal;

/// How a request ended, for the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A node got its first certificate.
    Enrolled,
    /// A node got its next one.
    Renewed,
    /// It got nothing.
    Refused(EnrolRefusal),
}

impl Outcome {
    /// Every one of them.
    pub(crate) const ALL: [Self; 9] = [
        Self::Enrolled,
        Self::Renewed,
        Self::Refused(EnrolRefusal::WrongCode),
        Self::Refused(EnrolRefusal::ExpiredCode),
        Self::Refused(EnrolRefusal::UsedCode),
        Self::Refused(EnrolRefusal::Revoked),
        Self::Refused(EnrolRefusal::TooOften),
        Self::Refused(EnrolRefusal::BadRequest),
        Self::Refused(EnrolRefusal::Unavailable),
    ];

    /// Its name in metrics and in the audit log.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Enrolled => "enrolled",
            Self::Renewed => "renewed",
            Self::Refused(refusal) => match refusal {
                EnrolRefusal::WrongCode => "wrong-code",
                EnrolRefusal::ExpiredCode => "expired-code",
                EnrolRefusal::UsedCode => "used-code",
                EnrolRefusal::Revoked => "revoked",
                EnrolRefusal::TooOften => "too-often",
                EnrolRefusal::BadRequest => "bad-request",
                EnrolRefusal::Unavailable => "unavailable",
            },
        }
    }
}
