//! TCP: mutual TLS or nothing.

use std::path::{Path, PathBuf};

use peregrine_alerts::wire::falco::outputs::Request;
use peregrine_alerts::wire::falco::outputs::service_client::ServiceClient;
use peregrine_alerts::{AlertService, TcpConfig};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};

use crate::support::*;

/// An authority in a folder of its own.
struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

struct Issued {
    certificate: String,
    key: String,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self { issuer: CertifiedIssuer::self_signed(params, key).unwrap() }
    }

    fn issue(&self) -> Issued {
        self.issue_with(|_| {})
    }

    fn issue_with(&self, change: impl FnOnce(&mut CertificateParams)) -> Issued {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    fn pem(&self) -> String {
        self.issuer.pem()
    }
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn tcp(folder: &Path, issued: &Issued, client_ca: &str) -> TcpConfig {
    TcpConfig {
        address: "127.0.0.1:0".parse().unwrap(),
        certificate: write(folder, "daemon.crt", &issued.certificate),
        key: write(folder, "daemon.key", &issued.key),
        client_ca: write(folder, "clients.crt", client_ca),
    }
}

fn start_tls(folder: &Path, tcp: TcpConfig) -> Result<AlertService, peregrine_alerts::Error> {
    let mut config = config(folder);
    config.tcp = Some(tcp);
    AlertService::start(config)
}

async fn connect_tls(
    service: &AlertService,
    authority: &Authority,
    identity: Option<&Issued>,
) -> Result<Channel, tonic::transport::Error> {
    let mut tls = ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(authority.pem()))
        .domain_name("localhost");
    if let Some(issued) = identity {
        tls = tls.identity(Identity::from_pem(&issued.certificate, &issued.key));
    }
    let port = service.tcp_address().unwrap().port();
    let endpoint = Endpoint::from_shared(format!("https://127.0.0.1:{port}"))?;
    endpoint.tls_config(tls)?.connect().await
}

#[tokio::test]
async fn a_client_with_a_certificate_of_the_authority_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let tcp = tcp(folder.path(), &authority.issue(), &authority.pem());
    let service = start_tls(folder.path(), tcp).unwrap();
    let channel = connect_tls(&service, &authority, Some(&authority.issue())).await.unwrap();
    let mut over_tcp = Sub::open(channel).await;
    let mut over_unix = Sub::open(connect(folder.path()).await).await;
    publish(&service, 1..=2);
    assert_eq!(over_tcp.numbers(2).await, [1, 2]);
    assert_eq!(over_unix.numbers(2).await, [1, 2]);
}

#[tokio::test]
async fn a_client_without_a_certificate_or_with_a_strangers_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let tcp = tcp(folder.path(), &authority.issue(), &authority.pem());
    let service = start_tls(folder.path(), tcp).unwrap();
    let stranger = Authority::new().issue();
    for identity in [None, Some(&stranger)] {
        // The refusal may come with the handshake or with the first call, as TLS 1.3 has it.
        let Ok(channel) = connect_tls(&service, &authority, identity).await else { continue };
        let call = ServiceClient::new(channel).get(Request::default()).await;
        assert!(call.is_err(), "served without a certificate of the authority");
    }
}

#[test]
fn files_that_cannot_be_used_are_named_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let (good, other) = (authority.issue(), authority.issue());
    let expired = authority.issue_with(|params| {
        params.not_before = date_time_ymd(2001, 1, 1);
        params.not_after = date_time_ymd(2002, 1, 1);
    });
    let mixed = Issued { certificate: good.certificate.clone(), key: other.key };
    let no_pem = Issued { certificate: "hello".to_owned(), key: good.key.clone() };
    let no_key = Issued { certificate: good.certificate.clone(), key: "hello".to_owned() };
    let ca = authority.pem();
    let cases: [(&Issued, &str, &str); 5] = [
        (&expired, &ca, "daemon.crt (--tls-cert) holds a certificate that is valid from Jan  1"),
        (&mixed, &ca, "daemon.key (--tls-key) is not the key of the certificate in"),
        (&no_pem, &ca, "daemon.crt (--tls-cert) holds no PEM certificate"),
        (&no_key, &ca, "daemon.key (--tls-key) holds no PEM private key"),
        (&good, "hello", "clients.crt (--tls-client-ca) holds no PEM certificate"),
    ];
    for (issued, client_ca, expected) in cases {
        let refused = start_tls(folder.path(), tcp(folder.path(), issued, client_ca));
        let text = refused.err().expect(expected).to_string();
        assert!(text.contains(expected), "{text}");
    }
    let mut missing = tcp(folder.path(), &good, &ca);
    missing.key = folder.path().join("nowhere.key");
    let text = start_tls(folder.path(), missing).err().unwrap().to_string();
    assert!(text.contains("nowhere.key (--tls-key) cannot be read: No such file"), "{text}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut tcp = tcp(folder.path(), &authority.issue(), &authority.pem());
    tcp.address = taken.local_addr().unwrap();
    let text = start_tls(folder.path(), tcp).err().unwrap().to_string();
    assert!(text.contains("--grpc-listen"), "{text}");
}
