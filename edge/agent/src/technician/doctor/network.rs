//! The way to the broker, step by step: name, connection, TLS, and whether the broker takes us.

use std::{
    io,
    net::{SocketAddr, TcpStream, ToSocketAddrs as _},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use rustls::{AlertDescription, CertificateError, ClientConnection, pki_types::ServerName};

use super::finding::Findings;
use crate::{clock::monotonic, config::Config, enrol::Reach, link::knock};

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Walks towards the broker until a step fails.
pub(super) fn look(config: &Config, findings: &mut Findings) {
    let reach = Reach::new(config);
    let address = match reach.address() {
        Ok(address) => address,
        Err(e) => {
            let said = format!("{e:#}");
            let remedy = [
                "đăng ký trạm (tram-edge enroll), hoặc sửa [broker] trong tệp trạm",
                "enrol the station (tram-edge enroll), or put [broker] of the station file right",
            ];
            return findings.failure("tls", [said.clone(), said], remedy);
        }
    };
    let (url, host) = (reach.name(), address.host.clone());
    let Some(stream) = connect(&host, address.port, findings) else { return };
    if let Some(tls) = &address.tls {
        if let Err(e) = shake_hands(stream, &host, tls) {
            return tls_failure(&e, &host, findings);
        }
        let said = [
            "chứng thư của máy chủ đúng".to_owned(),
            "the broker's certificate is right".to_owned(),
        ];
        findings.good("tls", said);
    } else if !host.starts_with("127.") && host != "localhost" && host != "[::1]" {
        let said = [
            "kết nối không mã hóa: ai ở giữa cũng đọc được mật khẩu".to_owned(),
            "the connection is not encrypted: anybody on the way can read the password".to_owned(),
        ];
        let remedy = ["viết mqtts:// trong `url`", "write mqtts:// in `url`"];
        findings.warning("tls", said, remedy);
    }
    match knock(&address, PATIENCE) {
        Ok(()) => findings.good(
            "broker",
            [format!("{url} nhận trạm {}", config.node), format!("{url} takes {}", config.node)],
        ),
        Err(why) => {
            let why = findings.speech().foreign(&why);
            let said = [format!("{url}: {why}"), format!("{url}: {why}")];
            let remedy = [
                format!(
                    "trung tâm phải biết tên trạm {}; kiểm tra `password_file` hoặc chứng thư của \
                     trạm",
                    config.node
                ),
                format!(
                    "the centre has to know the name {}; check `password_file` or the station's \
                     certificate",
                    config.node
                ),
            ];
            findings.failure("broker", said, remedy);
        }
    }
}

fn connect(host: &str, port: u16, findings: &mut Findings) -> Option<TcpStream> {
    let place = format!("{host}:{port}");
    let Some(addresses) = resolve(host, port) else {
        let said = [
            format!("không tìm được địa chỉ của {host}"),
            format!("the address of {host} is not found"),
        ];
        let remedy = [
            "kiểm tra mạng: `ping -c 3 8.8.8.8` (không được thì xem SIM, ăng-ten, dây mạng), rồi \
             tên máy chủ trong `url`",
            "check the network: `ping -c 3 8.8.8.8` (if that fails: SIM, antenna, cable), then the \
             name in `url`",
        ];
        findings.failure("broker", said, remedy);
        return None;
    };
    let before = monotonic();
    let mut why = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                let ms = monotonic().since(before) / 1000;
                let said =
                    [format!("nối được {place} sau {ms} ms"), format!("{place} after {ms} ms")];
                findings.good("broker", said);
                return Some(stream);
            }
            Err(e) => why = Some(e),
        }
    }
    let refused = why.as_ref().is_some_and(|e| e.kind() == io::ErrorKind::ConnectionRefused);
    let said = if refused {
        [format!("{place} từ chối kết nối"), format!("{place} refuses the connection")]
    } else {
        [format!("{place} không trả lời"), format!("{place} does not answer")]
    };
    let remedy = if refused {
        [
            "máy chủ MQTT không chạy, hoặc cổng trong `url` sai: hỏi trung tâm",
            "no broker runs there, or the port in `url` is wrong: ask the centre",
        ]
    } else {
        [
            "kiểm tra mạng di động: `mmcli -m 0` cho biết sóng; có tường lửa chặn cổng này không?",
            "check the mobile network: `mmcli -m 0` tells the signal; does a firewall stop the port?",
        ]
    };
    findings.failure("broker", said, remedy);
    None
}

/// Asks the system, which may take longer than anybody wants to wait.
fn resolve(host: &str, port: u16) -> Option<Vec<SocketAddr>> {
    let host = host.trim_matches(['[', ']']).to_owned();
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect::<Vec<_>>);
        // Nobody may be waiting any more.
        let _ = tell.send(found);
    });
    told.recv_timeout(PATIENCE).ok()?.ok().filter(|found| !found.is_empty())
}

/// The TLS handshake.
fn shake_hands(
    mut stream: TcpStream,
    host: &str,
    config: &Arc<rustls::ClientConfig>,
) -> Result<(), rustls::Error> {
    let other = |e: io::Error| {
        let inner = e.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()).cloned();
        inner.unwrap_or_else(|| rustls::Error::General(e.to_string()))
    };
    let _ = stream.set_read_timeout(Some(PATIENCE));
    let _ = stream.set_write_timeout(Some(PATIENCE));
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
        .map_err(|e| rustls::Error::General(e.to_string()))?;
    let mut session = ClientConnection::new(Arc::clone(config), name)?;
    while session.is_handshaking() {
        session.complete_io(&mut stream).map_err(other)?;
    }
    Ok(())
}

fn tls_failure(error: &rustls::Error, host: &str, findings: &mut Findings) {
    use CertificateError as C;
    use rustls::Error::{AlertReceived, InvalidCertificate};
    let (said, remedy) = match error {
        InvalidCertificate(C::Expired | C::ExpiredContext { .. }) => (
            ["chứng thư của máy chủ đã hết hạn", "the broker's certificate has expired"],
            [
                "trung tâm phải thay chứng thư; nếu đồng hồ của trạm sai thì chỉnh đồng hồ trước",
                "the centre has to renew it; if the station's clock is wrong, set that first",
            ],
        ),
        InvalidCertificate(C::NotValidYet | C::NotValidYetContext { .. }) => (
            ["chứng thư của máy chủ chưa có hiệu lực", "the broker's certificate is not valid yet"],
            [
                "gần như chắc chắn đồng hồ của trạm chạy chậm: chỉnh đồng hồ",
                "almost certainly the station's clock is behind: set it",
            ],
        ),
        InvalidCertificate(C::UnknownIssuer) => (
            [
                "chứng thư của máy chủ do một nơi lạ ký",
                "the broker's certificate is signed by nobody we know",
            ],
            [
                "viết tệp CA của trung tâm vào `ca_file` trong [broker]",
                "name the file of the centre's CA as `ca_file` in [broker]",
            ],
        ),
        InvalidCertificate(C::NotValidForName | C::NotValidForNameContext { .. }) => (
            [
                "chứng thư của máy chủ dành cho tên khác",
                "the broker's certificate is for another name",
            ],
            [
                "viết vào `url` đúng tên máy chủ có trong chứng thư; hỏi trung tâm",
                "write in `url` the name that stands in the certificate; ask the centre",
            ],
        ),
        AlertReceived(
            AlertDescription::CertificateRequired
            | AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateRevoked
            | AlertDescription::AccessDenied,
        ) => (
            [
                "máy chủ không nhận chứng thư của trạm",
                "the broker does not take the station's certificate",
            ],
            [
                "trạm phải đăng ký lại với trung tâm, hoặc kiểm tra `cert_file` và `key_file`",
                "enrol the station again, or check `cert_file` and `key_file`",
            ],
        ),
        _ => (
            ["bắt tay TLS không thành", "the TLS handshake fails"],
            [
                "cổng trong `url` có phải cổng TLS không (thường là 8883)?",
                "is the port in `url` the one for TLS (usually 8883)?",
            ],
        ),
    };
    let said = said.map(|s| format!("{host}: {s} ({error})"));
    findings.failure("tls", said, remedy);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::{Language, Speech};

    #[test]
    fn each_way_tls_can_fail_has_its_own_remedy() {
        let alert = rustls::Error::AlertReceived(AlertDescription::CertificateRequired);
        let errors = [
            rustls::Error::InvalidCertificate(CertificateError::Expired),
            rustls::Error::InvalidCertificate(CertificateError::NotValidYet),
            rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer),
            rustls::Error::InvalidCertificate(CertificateError::NotValidForName),
            alert,
            rustls::Error::General("something else".to_owned()),
        ];
        let mut fixes = Vec::new();
        for error in &errors {
            let mut findings = Findings::new(Speech::plain(Language::En));
            tls_failure(error, "h", &mut findings);
            fixes.push(findings.of("tls")[0].2.to_owned());
        }
        fixes.sort();
        fixes.dedup();
        assert_eq!(fixes.len(), errors.len(), "{fixes:?}");
    }

    #[test]
    fn a_port_where_nobody_listens_is_told_from_one_that_is_silent() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut findings = Findings::new(Speech::plain(Language::En));
        assert!(connect("127.0.0.1", free.port(), &mut findings).is_none());
        let [(_, said, fix)] = findings.of("broker")[..] else { panic!("one finding") };
        assert!(said.ends_with("refuses the connection") && fix.contains("no broker"), "{said}");
    }

    #[test]
    fn a_server_without_tls_is_a_failed_handshake() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            io::Write::write_all(&mut stream, b"HTTP/1.0 400\r\n\r\n").unwrap();
        });
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        assert!(shake_hands(stream, "127.0.0.1", &Arc::new(config)).is_err());
        server.join().unwrap();
    }
}
