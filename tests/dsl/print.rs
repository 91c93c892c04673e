use std::{
    fs,
    io::{self, Write},
    sync::{Arc, Mutex},
};

use streams_dsl::Printed;

use crate::support::{mistake, run};

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

#[test]
fn lines_carry_the_name_of_the_node_before() {
    let page = Page::default();
    let out = page.clone();
    let run = run(|builder| {
        let stream = builder.stream::<Option<String>, i64>("in");
        stream.filter(|_, _| true).print_with(Printed::to_writer(out));
    });
    run.put("a", 1, 5).put(None, 2, 6);
    let name = "KSTREAM-FILTER-0000000001";
    assert_eq!(page.text(), format!("[{name}]: Some(\"a\"), 1\n[{name}]: None, 2\n"));
}

#[test]
fn label_and_form_can_be_chosen() {
    let page = Page::default();
    let out = page.clone();
    let run = run(|builder| {
        let printed =
            Printed::to_writer(out).label("orders").format(|key, value| format!("{key}:{value}"));
        builder.stream::<String, i64>("in").print_with(printed.name("printer"));
    });
    run.put("a", 1, 5);
    assert_eq!(page.text(), "[orders]: a:1\n");
}

#[test]
fn a_file_is_emptied_and_written() {
    let path = std::env::temp_dir().join(format!("streams-dsl-print-{}", std::process::id()));
    fs::write(&path, "before\n").unwrap();
    let run = run(|builder| {
        let printed = Printed::to_file(&path).label("x");
        builder.stream::<String, i64>("in").print_with(printed);
    });
    run.put("a", 1, 5);
    assert_eq!(fs::read_to_string(&path).unwrap(), "[x]: \"a\", 1\n");
    fs::remove_file(&path).unwrap();
}

#[test]
fn a_file_that_cannot_be_written_is_a_mistake() {
    let text = mistake(|builder| {
        let printed = Printed::to_file("no/such/folder/file");
        builder.stream::<String, i64>("in").print_with(printed);
    });
    assert!(
        text.starts_with("KSTREAM-SOURCE-0000000000: file no/such/folder/file cannot"),
        "{text}"
    );
}
