//! One stream into several.

use std::{cell::RefCell, convert::Infallible, fmt, rc::Rc, sync::Arc};

use streams_core::{Context, Outcome, ProcessorError, stores::Data};

use crate::{
    options::{Branched, Named},
    plan::Kind,
    stage::Stage,
    stream::KStream,
};

const NAME: &str = "KSTREAM-BRANCH-";

type Predicate<K, V> = Box<dyn Fn(&K, &V) -> Result<bool, ProcessorError> + Send + Sync>;

impl<K: Data, V: Data> KStream<K, V> {
    /// Begins to split the stream: each record goes to the first branch that accepts it.
    ///
    /// Key, value, timestamp and headers stay what they are. The branches come back as a tuple, in
    /// the order in which they were described:
    /// `let (big, small, rest) = orders.split().branch(..).branch(..).default_branch();`
    ///
    /// # Topics and stores
    /// None.
    ///
    /// # Example: orders by their size
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// let (large, small) = builder
    ///     .stream::<String, i64>("orders")
    ///     .split()
    ///     .branch(|_, amount| *amount > 100)
    ///     .default_branch();
    /// large.to("large");
    /// small.to("small");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// let orders = driver.input::<String, i64>("orders");
    /// orders.pipe("ann", 500, 0)?;
    /// orders.pipe("bob", 5, 1)?;
    /// assert_eq!(driver.output::<String, i64>("large").read_key_values()?, [("ann".to_owned(), 500)]);
    /// assert_eq!(driver.output::<String, i64>("small").read_key_values()?, [("bob".to_owned(), 5)]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn split(&self) -> Split<K, V, ()> {
        self.split_with(Named::generated())
    }

    /// As [`split`](Self::split), with a name, with which the names of the branches begin.
    pub fn split_with(&self, named: impl Into<Named>) -> Split<K, V, ()> {
        Split::new(self, named.into(), ())
    }

    /// As [`split`](Self::split), for a number of branches that the compiler does not know: they
    /// come back as [`Branches`], to be found by their names.
    ///
    /// # Example: a branch for each country
    /// ```
    /// use streams_dsl::prelude::*;
    /// # use streams_test::TopologyTestDriver;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let builder = StreamsBuilder::new();
    /// use streams_dsl::Branched;
    ///
    /// let mut split = builder.stream::<String, i64>("orders").split_many_with("from-");
    /// for country in ["de", "fr"] {
    ///     split = split.branch_with(move |key, _| key.starts_with(country), Branched::named(country));
    /// }
    /// let branches = split.no_default_branch();
    /// branches.get("from-de").expect("there is such a branch").to("german");
    ///
    /// let driver = TopologyTestDriver::new(&builder.build()?)?;
    /// driver.input::<String, i64>("orders").pipe("de-17", 5, 0)?;
    /// assert_eq!(driver.output::<String, i64>("german").read_all()?.len(), 1);
    /// # Ok(())
    /// # }
    /// ```
    pub fn split_many(&self) -> Split<K, V, Branches<K, V>> {
        self.split_many_with(Named::generated())
    }

    /// As [`split_many`](Self::split_many), with a name, with which the names of the branches
    /// begin.
    pub fn split_many_with(&self, named: impl Into<Named>) -> Split<K, V, Branches<K, V>> {
        Split::new(self, named.into(), Branches { branches: Vec::new() })
    }
}

/// A stream that is being split; end it with [`default_branch`](Self::default_branch) or
/// [`no_default_branch`](Self::no_default_branch).
#[must_use = "end the split with `default_branch` or `no_default_branch`"]
pub struct Split<K, V, B> {
    source: KStream<K, V>,
    /// The node that chooses the branch.
    at: Stage,
    /// Shared with the node, which is written when all are known.
    predicates: Rc<RefCell<Vec<Predicate<K, V>>>>,
    branches: B,
}

impl<K, V, B> fmt::Debug for Split<K, V, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Split({})", self.at.name)
    }
}

impl<K: Data, V: Data, B> Split<K, V, B> {
    fn new(source: &KStream<K, V>, named: Named, branches: B) -> Self {
        let plan = &source.at.plan;
        let name = plan.node_name(named, NAME);
        let predicates = Rc::new(RefCell::new(Vec::<Predicate<K, V>>::new()));
        let (node_name, known) = (Arc::clone(&name), Rc::clone(&predicates));
        let node = plan.add(&[source.at.node], &name, Kind::Inner, move |place| {
            let predicates = known.take();
            let run =
                move |key, value, ctx: &mut Context<'_, K, V>| choose(&predicates, key, value, ctx);
            place.topology.add_step(&node_name, run, &place.parents);
        });
        let at = source.at.below(name, node);
        Self { source: source.clone(), at, predicates, branches }
    }

    /// A branch of the records that `predicate` accepts and no branch before it.
    pub fn branch(
        self,
        predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
    ) -> Split<K, V, B::Longer>
    where
        B: Collect<KStream<K, V>>,
    {
        self.branch_with(predicate, Branched::numbered())
    }

    /// As [`branch`](Self::branch), with a name.
    pub fn branch_with(
        self,
        predicate: impl Fn(&K, &V) -> bool + Send + Sync + 'static,
        branched: Branched,
    ) -> Split<K, V, B::Longer>
    where
        B: Collect<KStream<K, V>>,
    {
        self.try_branch_with(move |key, value| Ok::<_, Infallible>(predicate(key, value)), branched)
    }

    /// As [`branch`](Self::branch), for code that can fail; the processing handler decides then.
    pub fn try_branch<E: Into<ProcessorError>>(
        self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
    ) -> Split<K, V, B::Longer>
    where
        B: Collect<KStream<K, V>>,
    {
        self.try_branch_with(predicate, Branched::numbered())
    }

    /// As [`try_branch`](Self::try_branch), with a name.
    pub fn try_branch_with<E: Into<ProcessorError>>(
        self,
        predicate: impl Fn(&K, &V) -> Result<bool, E> + Send + Sync + 'static,
        branched: Branched,
    ) -> Split<K, V, B::Longer>
    where
        B: Collect<KStream<K, V>>,
    {
        let predicate: Predicate<K, V> =
            Box::new(move |key, value| predicate(key, value).map_err(Into::into));
        self.predicates.borrow_mut().push(predicate);
        let number = self.predicates.borrow().len();
        let branch = self.add(branched, number);
        let Self { source, at, predicates, branches } = self;
        Split { source, at, predicates, branches: branches.with(branch) }
    }

    /// Ends the split with a branch of all other records.
    pub fn default_branch(self) -> B::Longer
    where
        B: Collect<KStream<K, V>>,
    {
        self.default_branch_with(Branched::numbered())
    }

    /// As [`default_branch`](Self::default_branch), with a name.
    pub fn default_branch_with(self, branched: Branched) -> B::Longer
    where
        B: Collect<KStream<K, V>>,
    {
        let branch = self.add(branched, 0);
        self.branches.with(branch)
    }

    /// Ends the split: all other records are dropped, uncounted, as Kafka Streams does it.
    pub fn no_default_branch(self) -> B {
        self.branches
    }

    fn add(&self, branched: Branched, number: usize) -> KStream<K, V> {
        let splitter = &self.at.name;
        let name: Arc<str> = match branched.named.name {
            Some(name) => format!("{splitter}{name}").into(),
            None => format!("{splitter}{number}").into(),
        };
        let at = self.at.step(Named::new(&name), "", |key, value, ctx: &mut Context<'_, K, V>| {
            ctx.pass(key, value)
        });
        self.source.at(at)
    }
}

/// A record that no predicate accepts goes to the child behind those of the predicates, if there
/// is one: the default branch is described last.
fn choose<K: Data, V: Data>(
    predicates: &[Predicate<K, V>],
    key: K,
    value: V,
    ctx: &mut Context<'_, K, V>,
) -> Outcome {
    for (child, predicate) in predicates.iter().enumerate() {
        if predicate(&key, &value)? {
            return ctx.pass_to(child, key, value);
        }
    }
    ctx.pass_to(predicates.len(), key, value)
}

/// The branches of [`KStream::split_many`], in the order in which they were described.
#[derive(Clone, Debug)]
pub struct Branches<K, V> {
    branches: Vec<KStream<K, V>>,
}

impl<K: Data, V: Data> Branches<K, V> {
    /// The branch whose node has this name: that of the split followed by that of the branch.
    pub fn get(&self, name: &str) -> Option<&KStream<K, V>> {
        self.branches.iter().find(|branch| branch.name() == name)
    }

    /// The branches in the order in which they were described.
    pub fn into_vec(self) -> Vec<KStream<K, V>> {
        self.branches
    }
}

impl<K, V> IntoIterator for Branches<K, V> {
    type Item = KStream<K, V>;
    type IntoIter = std::vec::IntoIter<KStream<K, V>>;

    fn into_iter(self) -> Self::IntoIter {
        self.branches.into_iter()
    }
}

mod sealed {
    pub trait Sealed {}
}

/// A collection of branches that grows: a tuple of up to twelve, or [`Branches`].
#[diagnostic::on_unimplemented(
    message = "a tuple holds at most twelve branches",
    note = "split into any number of branches by `split_many`"
)]
pub trait Collect<T>: sealed::Sealed {
    /// The collection with one more.
    type Longer;

    /// Adds a branch at the end.
    fn with(self, branch: T) -> Self::Longer;
}

impl<K, V> sealed::Sealed for Branches<K, V> {}

impl<K, V> Collect<KStream<K, V>> for Branches<K, V> {
    type Longer = Self;

    fn with(mut self, branch: KStream<K, V>) -> Self {
        self.branches.push(branch);
        self
    }
}

/// From `A B C` and each shorter row of them: the tuple, and how it grows.
macro_rules! tuples {
    ($($held:ident)*) => {
        impl<$($held),*> sealed::Sealed for ($($held,)*) {}

        impl<Branch, $($held),*> Collect<Branch> for ($($held,)*) {
            type Longer = ($($held,)* Branch,);

            #[allow(non_snake_case, reason = "the elements are named as their types")]
            fn with(self, branch: Branch) -> Self::Longer {
                let ($($held,)*) = self;
                ($($held,)* branch,)
            }
        }
    };
}

tuples!();
tuples!(A);
tuples!(A B);
tuples!(A B C);
tuples!(A B C D);
tuples!(A B C D E);
tuples!(A B C D E F);
tuples!(A B C D E F G);
tuples!(A B C D E F G H);
tuples!(A B C D E F G H I);
tuples!(A B C D E F G H I J);
tuples!(A B C D E F G H I J L);
