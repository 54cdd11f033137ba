//! How a node gets its certificate: one request and one answer over TLS, at the centre's port for
//! enrolment and not at the broker. Each message stands behind its length, four bytes, the highest
//! first.

use alloc::{string::String, vec::Vec};
use core::fmt;

use minicbor::Decoder;

use crate::{
    ENROL_SECRET_BYTES, NodeId, UnixMicros, WIRE_VERSION,
    cbor::{DecodeError, EncodeError, finish, message, nullable, open_array, version},
};

/// The largest message, without its length.
pub const MAX_ENROL_BYTES: usize = 12 * 1024;
/// The largest request for a certificate (PKCS #10, DER).
pub const MAX_ENROL_REQUEST_BYTES: usize = 2_048;
/// The largest certificate (X.509, DER).
pub const MAX_CERTIFICATE_BYTES: usize = 4_096;
/// The longest address of a broker.
pub const MAX_BROKER_URL_BYTES: usize = 255;
/// What both sides name in the TLS handshake (ALPN, RFC 7301).
pub const ENROL_PROTOCOL: &[u8] = b"tram-enrol/1";

/// What a node asks.
#[derive(Clone, PartialEq, Eq)]
pub struct EnrolRequest {
    /// Who it is, or wants to be.
    pub node: NodeId,
    /// The secret of its code; `None` when it already has a certificate, with which it has made
    /// this connection, and wants the next.
    pub secret: Option<[u8; ENROL_SECRET_BYTES]>,
    /// PKCS #10 (RFC 2986), DER, signed with the key it is about. Only the public key of it counts.
    pub request: Vec<u8>,
}

/// Not the secret.
impl fmt::Debug for EnrolRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EnrolRequest").field("node", &self.node).finish_non_exhaustive()
    }
}

/// What the centre gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolment {
    /// The node's certificate (X.509, DER).
    pub certificate: Vec<u8>,
    /// The certificate of the authority that signed it, and the broker's.
    pub authority: Vec<u8>,
    /// The broker, as `mqtts://host:port`.
    pub broker: String,
    /// When the certificate was made, by the centre's clock.
    pub issued: UnixMicros,
    /// When it ends.
    pub expires: UnixMicros,
    /// The public key (Ed25519) of those who may command the node, if the centre has one.
    pub command_key: Option<[u8; 32]>,
}

/// Why the centre gives nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum EnrolRefusal {
    /// No such code for this node.
    WrongCode = 1,
    /// The code was right, once.
    ExpiredCode = 2,
    /// Another key has got its certificate with it already.
    UsedCode = 3,
    /// The node's certificates are revoked, or this is none of its own.
    Revoked = 4,
    /// Too many wrong ones from there, or from everywhere.
    TooOften = 5,
    /// The request cannot be read, or is not signed by its own key.
    BadRequest = 6,
    /// The centre cannot write down what it gives, so it gives nothing.
    Unavailable = 7,
}

impl EnrolRefusal {
    /// Every one of them.
    pub const ALL: [Self; 7] = [
        Self::WrongCode,
        Self::ExpiredCode,
        Self::UsedCode,
        Self::Revoked,
        Self::TooOften,
        Self::BadRequest,
        Self::Unavailable,
    ];
}

impl EnrolRequest {
    /// The message's bytes.
    ///
    /// # Errors
    /// [`EncodeError`] when the request for a certificate is too large.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        if self.request.len() > MAX_ENROL_REQUEST_BYTES {
            return Err(EncodeError::Limit("bytes of request"));
        }
        Ok(message(|e| {
            e.array(4)?.u8(WIRE_VERSION)?.str(self.node.as_str())?;
            match &self.secret {
                Some(secret) => e.bytes(secret)?,
                None => e.null()?,
            };
            e.bytes(&self.request)?;
            Ok(())
        }))
    }

    /// Reads a message.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not a request.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let d = &mut Decoder::new(bytes);
        open_array(d, 4)?;
        version(d)?;
        let request = Self {
            node: NodeId::new(d.str()?).map_err(|_| DecodeError::Value("node name"))?,
            secret: nullable(d, |d| {
                d.bytes()?.try_into().map_err(|_| DecodeError::Value("secret"))
            })?,
            request: limited(d, MAX_ENROL_REQUEST_BYTES, "bytes of request")?,
        };
        finish(d)?;
        Ok(request)
    }
}

/// The centre's answer.
pub type EnrolAnswer = Result<Enrolment, EnrolRefusal>;

impl Enrolment {
    /// The bytes of an answer.
    ///
    /// # Errors
    /// [`EncodeError`] when a certificate or the broker's address is too long.
    pub fn encode(answer: &EnrolAnswer) -> Result<Vec<u8>, EncodeError> {
        let given = match answer {
            Ok(given) => given,
            Err(refusal) => {
                return Ok(message(|e| {
                    e.array(2)?.u8(WIRE_VERSION)?.u8(*refusal as u8)?;
                    Ok(())
                }));
            }
        };
        if given.certificate.len().max(given.authority.len()) > MAX_CERTIFICATE_BYTES {
            return Err(EncodeError::Limit("bytes of certificate"));
        }
        if given.broker.len() > MAX_BROKER_URL_BYTES {
            return Err(EncodeError::Limit("bytes of broker address"));
        }
        Ok(message(|e| {
            e.array(8)?.u8(WIRE_VERSION)?.u8(0)?;
            e.bytes(&given.certificate)?.bytes(&given.authority)?.str(&given.broker)?;
            e.i64(given.issued.0)?.i64(given.expires.0)?;
            match &given.command_key {
                Some(key) => e.bytes(key)?,
                None => e.null()?,
            };
            Ok(())
        }))
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<EnrolAnswer, DecodeError> {
        let d = &mut Decoder::new(bytes);
        let elements = d.array()?;
        version(d)?;
        let outcome = d.u8()?;
        if elements == Some(2) {
            finish(d)?;
            let refusal = EnrolRefusal::ALL.into_iter().find(|r| *r as u8 == outcome);
            return refusal.map(Err).ok_or(DecodeError::Value("refusal"));
        }
        if (elements, outcome) != (Some(8), 0) {
            return Err(DecodeError::Malformed);
        }
        let given = Self {
            certificate: limited(d, MAX_CERTIFICATE_BYTES, "bytes of certificate")?,
            authority: limited(d, MAX_CERTIFICATE_BYTES, "bytes of certificate")?,
            broker: match d.str()? {
                url if url.len() <= MAX_BROKER_URL_BYTES => url.into(),
                _ => return Err(DecodeError::Limit("bytes of broker address")),
            },
            issued: UnixMicros(d.i64()?),
            expires: UnixMicros(d.i64()?),
            command_key: nullable(d, |d| {
                d.bytes()?.try_into().map_err(|_| DecodeError::Value("command key"))
            })?,
        };
        finish(d)?;
        Ok(Ok(given))
    }
}

fn limited(d: &mut Decoder<'_>, max: usize, what: &'static str) -> Result<Vec<u8>, DecodeError> {
    let bytes = d.bytes()?;
    if bytes.len() > max { Err(DecodeError::Limit(what)) } else { Ok(bytes.to_vec()) }
}

#[cfg(test)]
mod tests {
    use std::vec;

    use super::*;

    fn given() -> Enrolment {
        Enrolment {
            certificate: vec![1; 300],
            authority: vec![2; 300],
            broker: "mqtts://centre.example.org:8883".into(),
            issued: UnixMicros(1),
            expires: UnixMicros(2),
            command_key: Some([7; 32]),
        }
    }

    #[test]
    fn what_is_too_large_is_neither_written_nor_read() {
        let node = NodeId::new("a").unwrap();
        let long = EnrolRequest { node, secret: None, request: vec![0; 2_049] };
        assert_eq!(long.encode(), Err(EncodeError::Limit("bytes of request")));
        let long = Enrolment { certificate: vec![0; 4_097], ..given() };
        assert!(Enrolment::encode(&Ok(long)).is_err());
        let long = Enrolment { broker: "x".repeat(256), ..given() };
        assert!(Enrolment::encode(&Ok(long)).is_err());
        let most = Enrolment {
            certificate: vec![0; MAX_CERTIFICATE_BYTES],
            authority: vec![0; MAX_CERTIFICATE_BYTES],
            broker: "x".repeat(MAX_BROKER_URL_BYTES),
            ..given()
        };
        assert!(Enrolment::encode(&Ok(most)).unwrap().len() <= MAX_ENROL_BYTES);
    }

    #[test]
    fn every_answer_is_read_as_it_was_written() {
        let answers = EnrolRefusal::ALL
            .map(Err)
            .into_iter()
            .chain([Ok(given()), Ok(Enrolment { command_key: None, ..given() })]);
        for answer in answers {
            let bytes = Enrolment::encode(&answer).unwrap();
            assert_eq!(Enrolment::decode(&bytes), Ok(answer));
            for end in 0..bytes.len() {
                assert!(Enrolment::decode(&bytes[..end]).is_err());
            }
        }
        // 8 is no refusal, and 0 none either.
        for outcome in [0, 8] {
            assert!(Enrolment::decode(&[0x82, 1, outcome]).is_err());
        }
    }

    #[test]
    fn a_request_keeps_its_secret_out_of_logs() {
        let node = NodeId::new("a").unwrap();
        let request = EnrolRequest { node, secret: Some([0xab; 10]), request: vec![9; 100] };
        assert_eq!(EnrolRequest::decode(&request.encode().unwrap()), Ok(request.clone()));
        assert!(!std::format!("{request:?}").contains("171"));
    }
}
