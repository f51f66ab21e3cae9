//! From a model to a board: files that other programs read, and drives and probes that are none.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use ::host::toolchain::workspace;
use tests::{fail, folder, host, program, succeed, text, train};

/// The files' bytes, as readers that others wrote see them, are the linker's.
#[test]
fn files_for_boards_hold_what_the_linker_wrote() {
    let folder = folder();
    let model = folder.path().join("model.bin");
    train(&model, &["--cell", "fastgrnn"]);
    let root = workspace().expect("sources");
    for (board, endings) in [("pico", &["elf", "hex", "uf2"][..]), ("hifive1", &["elf", "hex"])] {
        let own = folder.path().join(board);
        fs::create_dir(&own).expect("created");
        for ending in endings {
            let out = own.join(format!("program.{ending}"));
            let flags = ["firmware", "--board", board, "--model", text(&model), "--out", text(&out)];
            let said = String::from_utf8_lossy(&succeed(&flags, b"")).into_owned();
            // It starts and ends at a multiple of 16.
            let bytes = fs::metadata(&model).expect("written").len().next_multiple_of(16);
            assert!(
                said.contains(&format!(", model {bytes} of ")) && said.contains("of stack, of "),
                "{said}"
            );
        }
        let reader = root.join("target/emulators/venv/bin/python");
        let output = Command::new(&reader).arg(root.join("tests/read_program.py")).arg(&own).output();
        let output = output.expect("bash firmware/emulators/install.sh has installed the readers");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(said.ends_with("bytes agree\n"), "{said}{}", String::from_utf8_lossy(&output.stderr));
    }
    let out = folder.path().join("program.uf2");
    let error = fail(&["firmware", "--board", "hifive1", "--model", text(&model), "--out", text(&out)]);
    assert!(error.contains("takes no .uf2; write .hex") && !out.exists(), "{error}");
    let out = folder.path().join("program.hex");
    let error = fail(&["firmware", "--board", "esp32-c3", "--model", text(&model), "--out", text(&out)]);
    assert!(error.contains("several addresses") && error.contains("write .bin"), "{error}");
}

#[test]
fn a_model_that_does_not_fit_is_refused_with_numbers() {
    let folder = folder();
    let (model, out) = (folder.path().join("model.bin"), folder.path().join("program.hex"));
    train(&model, &["--cell", "lstm", "--hidden", "120"]);
    let error = fail(&["firmware", "--board", "bluepill", "--model", text(&model), "--out", text(&out)]);
    let bytes = fs::metadata(&model).expect("written").len();
    let expected = format!("flash for the model: needs {bytes} bytes, has 30720");
    assert!(error.contains(&expected) && error.contains("preset that does is nano"), "{error}");
}

/// A drive gets the file that its boot loader takes; a dry run leaves it alone.
#[test]
fn a_drive_is_flashed_by_copying() {
    let folder = folder();
    let (model, drive) = (folder.path().join("model.bin"), folder.path().join("RPI-RP2"));
    train(&model, &["--cell", "fastgrnn"]);
    fs::create_dir(&drive).expect("created");
    let flags = ["flash", "--board", "pico", "--model", text(&model), "--drive", text(&drive)];
    let said = String::from_utf8_lossy(&succeed(&[&flags[..], &["--dry-run"]].concat(), b"")).into_owned();
    assert!(said.contains("would write") && said.contains("telltale.uf2"), "{said}");
    assert_eq!(fs::read_dir(&drive).expect("there").count(), 0);
    let output = host(&flags, b"");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("no INFO_UF2.TXT or DETAILS.TXT was there"), "{said}");
    let info = drive.join("INFO_UF2.TXT");
    fs::write(&info, "Board-ID: RP2350\n").expect("written");
    assert!(fail(&flags).contains("not the drive of a pico, as its INFO_UF2.TXT says"));
    fs::write(&info, "Board-ID: RPI-RP2\n").expect("written");
    let said = String::from_utf8_lossy(&succeed(&flags, b"")).into_owned();
    assert!(said.contains("the board programs itself"), "{said}");
    // Both kinds of a micro:bit have a drive of one name.
    let other = folder.path().join("MICROBIT");
    fs::create_dir(&other).expect("created");
    fs::write(other.join("DETAILS.TXT"), "# DAPLink\nUnique ID: 9904360254974e45\n").expect("written");
    let error = fail(&["flash", "--board", "microbit", "--model", text(&model), "--drive", text(&other)]);
    assert!(error.contains("not the drive of a microbit, as its DETAILS.TXT says"), "{error}");
    let file = fs::read(drive.join("telltale.uf2")).expect("written");
    assert!(file.len() % 512 == 0 && file.starts_with(b"UF2\n"));
    // A model that lies where the program goes is kept.
    let place = drive.join("telltale.uf2");
    fs::rename(&model, &place).expect("renamed");
    let error = fail(&["flash", "--board", "pico", "--model", text(&place), "--drive", text(&drive)]);
    assert!(error.contains("no input is ever overwritten"), "{error}");
    fs::rename(&place, &model).expect("is there");
    succeed(&["inspect", text(&model)], b"");
    assert!(fail(&["flash", "--board", "riscv-virt", "--model", text(&model)]).contains("emulate"));
}

/// probe-rs is given the ELF file and the chip's name; without it, the commands are told.
#[test]
fn a_probe_is_run_if_it_is_there() {
    let folder = folder();
    let (model, log) = (folder.path().join("model.bin"), folder.path().join("log"));
    train(&model, &["--cell", "fastgrnn"]);
    let fake = folder.path().join("probe-rs");
    let script =
        format!("#!/bin/sh\necho \"$@\" >> {0}\ncase $1 in download) test -s \"$4\";; esac\n", text(&log));
    fs::write(&fake, script).expect("written");
    fs::set_permissions(&fake, fs::Permissions::from_mode(0o755)).expect("executable");
    let path = std::env::var("PATH").expect("a path");
    let flash = |path: &str| {
        let mut command = Command::new(program());
        command.args(["flash", "--board", "stm32vldiscovery", "--model", text(&model)]).env("PATH", path);
        command.output().expect("host runs")
    };
    let output = flash(&format!("{}:{path}", text(folder.path())));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let asked = fs::read_to_string(&log).expect("asked");
    let asked: Vec<&str> = asked.lines().collect();
    assert!(asked[1].starts_with("download --chip STM32F100RB ") && asked[1].ends_with(".elf"), "{asked:?}");
    assert_eq!(asked[2..], ["reset --chip STM32F100RB"]);
    let output = flash(&path);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && error.contains("st-flash write telltale.bin 0x08000000"), "{error}");
}
