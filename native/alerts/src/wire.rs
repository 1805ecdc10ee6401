//! The wire types, clients and servers generated from `proto/`.
//!
//! The names are the protocol's, so `response` is an alert here and only here.

/// `falco/*.proto`.
#[allow(missing_docs, non_camel_case_types, clippy::all)]
pub mod falco {
    pub mod outputs {
        tonic::include_proto!("falco.outputs");
    }
    pub mod schema {
        tonic::include_proto!("falco.schema");
    }
    pub mod version {
        tonic::include_proto!("falco.version");
    }
}

/// `peregrine/*.proto`.
#[allow(missing_docs, clippy::all)]
pub mod peregrine {
    pub mod alerts {
        pub mod v1 {
            tonic::include_proto!("peregrine.alerts.v1");
        }
    }
}
