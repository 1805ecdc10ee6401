//! The TLS files, read and checked before anything listens.
//!
//! Each problem names the file, the option and what to do, which the TLS library's own errors
//! do not.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tonic::transport::{Certificate, Identity, ServerTlsConfig};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::config::TcpConfig;
use crate::error::Error;

const CERTIFICATE: &str = "--tls-cert";
const KEY: &str = "--tls-key";
const CLIENT_CA: &str = "--tls-client-ca";

/// Reads the three files: clients must show a certificate that the CA has signed.
pub(crate) fn read(config: &TcpConfig) -> Result<ServerTlsConfig, Error> {
    let certificate = read_file(&config.certificate, CERTIFICATE)?;
    let key = read_file(&config.key, KEY)?;
    let client_ca = read_file(&config.client_ca, CLIENT_CA)?;
    let chain = certificates(&certificate, &config.certificate, CERTIFICATE)?;
    certificates(&client_ca, &config.client_ca, CLIENT_CA)?;
    check_key(chain, &key, config)?;
    Ok(ServerTlsConfig::new()
        .identity(Identity::from_pem(certificate, key))
        .client_ca_root(Certificate::from_pem(client_ca))
        .client_auth_optional(false))
}

fn read_file(path: &Path, option: &'static str) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|error| problem(path, option, format!("cannot be read: {error}")))
}

fn certificates(
    pem: &[u8],
    path: &Path,
    option: &'static str,
) -> Result<Vec<CertificateDer<'static>>, Error> {
    let not_pem = || {
        let text = "holds no PEM certificate: it must have a block that begins with \
                    -----BEGIN CERTIFICATE-----";
        problem(path, option, text.to_owned())
    };
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(|_| not_pem())?;
    if chain.is_empty() {
        return Err(not_pem());
    }
    for der in &chain {
        check_validity(der, path, option)?;
    }
    Ok(chain)
}

fn check_validity(
    der: &CertificateDer<'_>,
    path: &Path,
    option: &'static str,
) -> Result<(), Error> {
    let (_, certificate) = X509Certificate::from_der(der).map_err(|error| {
        problem(path, option, format!("holds a broken certificate ({error}): issue it again"))
    })?;
    let validity = certificate.validity();
    if validity.is_valid() {
        return Ok(());
    }
    let (from, until) = (validity.not_before, validity.not_after);
    let text = format!(
        "holds a certificate that is valid from {from} until {until}, which is not now: issue it \
         again, or set this host's clock"
    );
    Err(problem(path, option, text))
}

fn check_key(
    chain: Vec<CertificateDer<'static>>,
    key: &[u8],
    config: &TcpConfig,
) -> Result<(), Error> {
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
        let text = "holds no PEM private key: it must have a block such as \
                    -----BEGIN PRIVATE KEY-----, without passphrase";
        problem(&config.key, KEY, text.to_owned())
    })?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let checked = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_no_client_auth())
        .and_then(|builder| builder.with_single_cert(chain, key));
    match checked {
        Ok(_) => Ok(()),
        Err(rustls::Error::InconsistentKeys(_)) => {
            let certificate = config.certificate.display();
            let text = format!(
                "is not the key of the certificate in {certificate}: give the two that were \
                 issued together"
            );
            Err(problem(&config.key, KEY, text))
        }
        Err(error) => {
            let text = format!("cannot be used with its key ({error}): issue both again");
            Err(problem(&config.certificate, CERTIFICATE, text))
        }
    }
}

fn problem(path: &Path, option: &'static str, problem: String) -> Error {
    Error::Tls { option, path: path.to_owned(), problem }
}
