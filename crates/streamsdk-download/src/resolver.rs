//! Names are looked up here and checked, and the addresses that were checked are those that are connected to.

use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use streamsdk_protocol::address::Reach;
use thiserror::Error;

/// Gives out only addresses that may be connected to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CheckingResolver(pub(crate) Reach);

/// A name that leads to an address that may not be connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the name leads to {0}, which is not a public address")]
pub(crate) struct LeadsToPrivate(pub(crate) IpAddr);

impl Resolve for CheckingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let allowed = all_allowed(found.collect(), reach)?;
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// A name that leads to one private address is not trusted with the others.
fn all_allowed(found: Vec<SocketAddr>, reach: Reach) -> Result<Vec<SocketAddr>, LeadsToPrivate> {
    match found.iter().find(|found| !reach.allows(found.ip())) {
        Some(private) => Err(LeadsToPrivate(private.ip())),
        None => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_private_address_is_enough_to_refuse_a_name() {
        let [public, private] = ["8.8.8.8:0", "10.0.0.1:0"].map(|text| text.parse().unwrap());
        assert_eq!(all_allowed(vec![public], Reach::Public), Ok(vec![public]));
        let both = vec![public, private];
        let expected = Err(LeadsToPrivate([10, 0, 0, 1].into()));
        assert_eq!(all_allowed(both.clone(), Reach::Public), expected);
        assert_eq!(all_allowed(both.clone(), Reach::Private), Ok(both));
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_refused() {
        let resolved = CheckingResolver(Reach::Public).resolve("localhost".parse().unwrap()).await;
        let error = resolved.err().unwrap();
        assert!(error.is::<LeadsToPrivate>(), "{error}");
    }
}
