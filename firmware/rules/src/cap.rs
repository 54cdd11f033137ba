//! The words of CAP 1.2 that a rule chooses (OASIS CAP 1.2 §3.2.2).

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident,)* })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            /// The word as CAP writes it.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }
        }
    )*};
}

words! {
    /// How bad it is.
    Severity {
        /// Minimal to no known threat to life or property.
        Minor,
        /// Possible threat.
        Moderate,
        /// Significant threat.
        Severe,
        /// Extraordinary threat.
        Extreme,
    }

    /// How soon people have to act.
    Urgency {
        /// Now.
        Immediate,
        /// Within the next hour.
        Expected,
        /// In the near future.
        Future,
        /// No longer.
        Past,
        /// Not known.
        Unknown,
    }

    /// How sure it is.
    Certainty {
        /// Has occurred or is going on.
        Observed,
        /// More probable than not.
        Likely,
        /// Possible, but not likely.
        Possible,
        /// Not expected to occur.
        Unlikely,
        /// Not known.
        Unknown,
    }

    /// What people should do.
    Response {
        /// Take shelter in place.
        Shelter,
        /// Move away.
        Evacuate,
        /// Make preparations.
        Prepare,
        /// Carry out a plan made before.
        Execute,
        /// Stay away from the place.
        Avoid,
        /// Follow the information.
        Monitor,
        /// Weigh the information; not for public use.
        Assess,
        /// The threat is over.
        AllClear,
        /// Nothing.
        None,
    }
}

impl Severity {
    /// The severity of an alarm level unless the rule says otherwise: 1 minor, 2 moderate,
    /// 3 severe, 4 and 5 extreme.
    #[must_use]
    pub fn of_level(level: u8) -> Self {
        match level {
            0 | 1 => Self::Minor,
            2 => Self::Moderate,
            3 => Self::Severe,
            _ => Self::Extreme,
        }
    }
}
