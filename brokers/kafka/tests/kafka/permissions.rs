//! A user who may do only what is written down.

use std::sync::Arc;

use krafka::{
    Kafka,
    admin::{
        AclBinding, AclOperation, AclPatternType, AclPermissionType, AclResourceType,
        CreateAclsOptions,
    },
};
use streams_core::broker::Broker;
use tokio::runtime::Runtime;

use crate::{
    app::{self, App, copy, settings},
    secure::{self, sasl},
    support::{bootstrap, broker, client, topic, unique},
};

/// What mallory may do: resource, its name, operation.
fn allow(rules: &[(AclResourceType, &str, AclOperation)]) {
    let bindings = rules.iter().map(|(resource, name, operation)| {
        let allowed = AclPermissionType::Allow;
        // krafka 0.28.1 counts pattern types without MATCH: what it calls prefixed, brokers
        // understand as literal.
        AclBinding::new(*resource, *name, "User:mallory", "*", *operation, allowed)
            .with_pattern_type(AclPatternType::Prefixed)
    });
    let bindings: Vec<_> = bindings.collect();
    Runtime::new().unwrap().block_on(async {
        let admin = Kafka::builder(bootstrap()).connect().await.unwrap().admin();
        let created = admin.create_acls(bindings, CreateAclsOptions::default()).await.unwrap();
        created.into_iter().for_each(|(_, result)| result.unwrap());
    });
}

fn mallory() -> Arc<dyn Broker> {
    let properties = sasl("SASL_PLAINTEXT", "PLAIN", "mallory", "mallory-secret");
    let properties: Vec<_> = properties.iter().map(|(key, value)| (*key, &**value)).collect();
    Arc::new(client(&properties))
}

#[test]
fn what_a_user_may_not_do_is_named_with_what_it_takes() {
    use AclOperation::{Describe, Read, Write};
    use AclResourceType::{Group, Topic};
    let ours = broker();
    let (input, output) = (topic(&ours, "in", 1), topic(&ours, "out", 1));
    app::write(&ours, &input, ["one".to_owned()]);
    let id = unique("app");
    let ends = || App::start_as(mallory(), copy(&input, &output), settings(&id)).ends();

    let told = ends();
    println!("no group: {told}");
    assert!(told.contains(&format!("group {id}")) && told.contains("READ"), "{told}");

    allow(&[(Group, &id, Read), (Group, &id, Describe)]);
    let told = ends();
    println!("no topic: {told}");
    assert!(told.contains(&input) && told.contains("DESCRIBE"), "{told}");

    allow(&[(Topic, &input, Describe)]);
    let told = ends();
    println!("no read: {told}");
    assert!(told.contains(&format!("topic {input}")) && told.contains("READ"), "{told}");

    allow(&[(Topic, &input, Read)]);
    let told = ends();
    println!("no sink: {told}");
    assert!(told.contains(&format!("topic {output}")), "{told}");

    allow(&[(Topic, &output, Describe)]);
    let told = ends();
    println!("no write: {told}");
    assert!(told.contains("WRITE"), "{told}");

    let another = topic(&ours, "another", 1);
    allow(&[(Topic, &another, Write)]);
    let told = ends();
    println!("no write to this one: {told}");
    assert!(told.contains(&format!("topic {output}")) && told.contains("WRITE"), "{told}");

    allow(&[(Topic, &output, Write)]);
    let app = App::start_as(mallory(), copy(&input, &output), settings(&id));
    secure::is_copied(&ours, &output);
    app.close();
}
