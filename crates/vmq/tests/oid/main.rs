//! The OID requests, as a consumer issues them.

mod freeing;
mod hostile;
mod statuses;
mod support;
