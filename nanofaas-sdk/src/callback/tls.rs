//! What TLS tells a platform engineer.

use std::error::Error;
use std::io;
use std::path::Path;

use reqwest::Certificate;
use rustls::CertificateError;

/// Whether a file holds certificates. The TLS library would go on without one that it cannot read.
pub(crate) fn check_authorities(path: &Path) -> Result<(), String> {
    let text = std::fs::read(path).map_err(|error| format!("the file cannot be read: {error}"))?;
    match Certificate::from_pem_bundle(&text) {
        Ok(certificates) if !certificates.is_empty() => Ok(()),
        Ok(_) => Err("there is no certificate in the file: expected PEM, `-----BEGIN CERTIFICATE-----`".to_owned()),
        Err(_) => Err("the file cannot be read as PEM: expected whole certificates".to_owned()),
    }
}

/// Why there is no connection, where TLS is the reason, and what to do.
pub(super) fn reason(cause: &(dyn Error + 'static)) -> Option<String> {
    let is_plain = "the control plane does not speak TLS on this port: use http:// in the callback URL, or the port \
                    that it serves https on";
    let cause = innermost(cause);
    if cause.downcast_ref().is_some_and(is_cut_off) {
        return Some(format!("the connection was closed during the TLS handshake: it may be that {is_plain}"));
    }
    Some(match cause.downcast_ref()? {
        rustls::Error::InvalidCertificate(certificate) => of_certificate(certificate),
        rustls::Error::InvalidMessage(_) => is_plain.to_owned(),
        other => format!("the control plane and this function do not agree on TLS: {other}"),
    })
}

/// `io::Error` hides what it carries from `source()`, once for each layer that it went through.
fn innermost<'a>(mut cause: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    while let Some(inner) = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        if !inner.is::<io::Error>() && !inner.is::<rustls::Error>() {
            break;
        }
        cause = inner;
    }
    cause
}

/// Whether the peer hung up before TLS was agreed on, in the words of tokio-rustls.
fn is_cut_off(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::UnexpectedEof && error.to_string().contains("tls handshake")
}

fn of_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "the control plane's certificate is from an authority that is not trusted here: name a PEM file with the \
             authority's certificate in SSL_CERT_FILE"
        }
        CertificateError::BadSignature => {
            "the control plane's certificate is from an authority that is not trusted here, though it has the name of \
             one that is: name a PEM file with the authority's present certificate in SSL_CERT_FILE"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            return format!(
                "the control plane's certificate is not made for the host of the callback URL: call it by a name that \
                 the certificate has, or add this one to the certificate ({error})"
            );
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the control plane's certificate has expired: renew it, or set this machine's clock"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the control plane's certificate is not valid yet: set this machine's clock"
        }
        _ => return format!("the control plane's certificate cannot be used: {error}"),
    }
    .to_owned()
}
