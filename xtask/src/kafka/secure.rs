//! Listeners with TLS and SASL: certificates, users and the settings that name them.

use std::path::Path;

pub(super) fn properties(_folder: &Path) -> String {
    String::new()
}
pub(super) fn has_certificates(_folder: &Path) -> bool {
    true
}
pub(super) fn ensure_certificates(_folder: &Path) -> Result<(), String> {
    Ok(())
}
pub(super) fn format_arguments() -> Vec<String> {
    Vec::new()
}
