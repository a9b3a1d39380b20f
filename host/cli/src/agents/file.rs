//! A settings file: read whole, shown as a difference, replaced in one step, with a copy of what was there before.

use crate::exit::Failure;
use rustix::fs::OFlags;
use serde::Serialize as _;
use serde_json::{Map, Value};
use std::fs;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The largest settings file that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;
/// What a file's copy of before the first change is called after its own name.
const BACKUP: &str = ".before-tollgate";
/// How far JSON of our own is indented.
const INDENT: &str = "  ";

/// A settings file as it is now.
#[derive(Debug)]
pub struct SettingsFile {
    path: PathBuf,
    /// None: there is no such file.
    text: Option<String>,
    /// Its JSON; empty where there is no file.
    pub settings: Map<String, Value>,
    /// Nothing of ours is in it: a copy that lies beside it is of an older time.
    untouched: bool,
}

impl SettingsFile {
    /// Reads the file at `path`; a link is followed, so that the file behind it is what changes.
    ///
    /// # Errors
    /// When it cannot be read, is too large, or is no JSON object; names the file and the place in it.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let name = path.display();
        let mut text = String::new();
        // A pipe of that name would be waited for.
        match fs::File::options().read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed()).open(&path) {
            Ok(file) => {
                if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
                    return Err(Failure::at(&name, "no regular file"));
                }
                file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| Failure::at(&name, error))?
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Self { path, text: None, settings: Map::new(), untouched: false });
            }
            Err(error) => return Err(Failure::at(&name, error)),
        };
        if u64::try_from(text.len()).is_ok_and(|bytes| bytes > MAX_BYTES) {
            return Err(Failure::at(&name, format!("over {MAX_BYTES} bytes; that is no settings file")));
        }
        let settings =
            parse(&text).map_err(|error| Failure::at(&name, format!("no JSON object: {error}; mend it first")))?;
        Ok(Self { path, text: Some(text), settings, untouched: false })
    }

    /// The same, where nothing of ours is in it: what is there now is what comes back, whatever copy there is.
    pub fn untouched(self) -> Self {
        Self { untouched: true, ..self }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The text that `settings` would be written as, indented as the file is.
    fn text_of(&self, settings: &Map<String, Value>) -> Result<String, Failure> {
        let indent = self.text.as_deref().and_then(indent_of).unwrap_or(INDENT);
        let formatter = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
        let mut bytes = Vec::new();
        let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
        settings.serialize(&mut serializer).map_err(|error| Failure::at(self.path.display(), error))?;
        bytes.push(b'\n');
        String::from_utf8(bytes).map_err(|error| Failure::at(self.path.display(), error))
    }

    /// What writing `settings` would change, as a unified difference; none where nothing would.
    ///
    /// # Errors
    /// When they have no form in JSON.
    pub fn difference(&self, settings: &Map<String, Value>) -> Result<Option<String>, Failure> {
        if *settings == self.settings {
            return Ok(None);
        }
        let (before, after) = (self.text.as_deref().unwrap_or_default(), self.after(settings)?.unwrap_or_default());
        let name = self.path.display().to_string();
        Ok(Some(similar::TextDiff::from_lines(before, &after).unified_diff().header(&name, &name).to_string()))
    }

    /// Writes `settings`, keeping a copy of what was there before the first change. What was there before comes
    /// back byte for byte where `settings` are what the copy says; a file that we made goes when it is empty.
    ///
    /// # Errors
    /// When something cannot be written; the file is then as it was.
    pub fn write(&self, settings: &Map<String, Value>) -> Result<(), Failure> {
        let backup = self.backup();
        let failed = |path: &Path, error: std::io::Error| Failure::at(path.display(), error);
        let Some(after) = self.after(settings)? else {
            fs::remove_file(&self.path).map_err(|error| failed(&self.path, error))?;
            if let Some(folder) = self.path.parent() {
                // One that holds anything else stays.
                let _ = fs::remove_dir(folder);
            }
            return Ok(());
        };
        let original = self.original();
        let restores = original.as_deref() == Some(after.as_str());
        match (&self.text, &original) {
            (Some(text), None) => put(&backup, text, &self.path)?,
            (None, None) if backup.exists() => fs::remove_file(&backup).map_err(|error| failed(&backup, error))?,
            _ => {}
        }
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
        }
        put(&self.path, &after, &self.path)?;
        if restores {
            fs::remove_file(&backup).map_err(|error| failed(&backup, error))?;
        }
        Ok(())
    }

    /// The copy of before the first change, where there is one.
    pub fn backup(&self) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(BACKUP);
        self.path.with_file_name(name)
    }

    /// What was there before the first change; none where no copy says it.
    pub fn before(&self) -> Option<Map<String, Value>> {
        parse(&self.original()?).ok()
    }

    /// The text of before the first change; none where no copy says it.
    fn original(&self) -> Option<String> {
        if self.untouched { None } else { fs::read_to_string(self.backup()).ok() }
    }

    /// The file's text after `settings` are written; none where there is no file then.
    fn after(&self, settings: &Map<String, Value>) -> Result<Option<String>, Failure> {
        match self.original() {
            Some(original) if parse(&original).is_ok_and(|was| was == *settings) => Ok(Some(original)),
            None if settings.is_empty() && self.text.is_some() => Ok(None),
            _ => self.text_of(settings).map(Some),
        }
    }
}

/// A file's settings; one without anything in it has none.
fn parse(text: &str) -> serde_json::Result<Map<String, Value>> {
    if text.trim().is_empty() { Ok(Map::new()) } else { serde_json::from_str(text) }
}

/// The blanks before the first indented line.
fn indent_of(text: &str) -> Option<&str> {
    text.lines().find_map(|line| {
        let blanks = line.len() - line.trim_start_matches([' ', '\t']).len();
        line.get(..blanks).filter(|indent| !indent.is_empty() && blanks < line.len())
    })
}

/// Written aside and renamed into place, with the rights of `like`.
fn put(path: &Path, text: &str, like: &Path) -> Result<(), Failure> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let aside = path.with_file_name(name);
    let written = fs::write(&aside, text).and_then(|()| {
        if let Ok(about) = fs::metadata(like) {
            fs::set_permissions(&aside, about.permissions())?;
        }
        fs::rename(&aside, path)
    });
    written.map_err(|error| Failure::at(path.display(), error))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::agents::command::HookCommand;
    use crate::agents::known::AGENTS;
    use crate::agents::settings;

    fn install(settings: &mut Map<String, Value>) {
        let [agent, ..] = &AGENTS;
        settings::install(agent, settings, &HookCommand::new(agent, "/opt/tollgate", None).unwrap(), 9_000).unwrap();
    }

    fn uninstall(settings: &mut Map<String, Value>, file: &SettingsFile) {
        let [agent, ..] = &AGENTS;
        settings::uninstall(agent, settings, file.before().as_ref()).unwrap();
    }

    fn round(before: Option<&str>) -> (String, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".claude/settings.json");
        if let Some(text) = before {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        }
        let file = SettingsFile::read(&path).unwrap();
        let mut settings = file.settings.clone();
        install(&mut settings);
        assert!(file.difference(&settings).unwrap().unwrap().contains("+"), "the difference is shown");
        file.write(&settings).unwrap();
        let written = fs::read_to_string(&path).unwrap();
        let file = SettingsFile::read(&path).unwrap();
        assert_eq!(file.difference(&settings).unwrap(), None);
        let mut settings = file.settings.clone();
        uninstall(&mut settings, &file);
        file.write(&settings).unwrap();
        (written, folder)
    }

    #[test]
    fn a_file_comes_back_byte_for_byte_and_its_copy_goes() {
        let text = "{\n    \"model\": \"x\",\n    \"list\": [1,2]}\n\n";
        for before in [text, "", " \n", "{ }", "{\"hooks\":{}}", "{\"hooks\": {\"Stop\": []}, \"a\": 1}"] {
            let (written, folder) = round(Some(before));
            if before == text {
                assert!(written.contains("\n    \"hooks\"") && written.contains("\"model\": \"x\""), "{written}");
            }
            assert_eq!(fs::read_to_string(folder.path().join(".claude/settings.json")).unwrap(), before);
            assert_eq!(fs::read_dir(folder.path().join(".claude")).unwrap().count(), 1, "{before}");
        }
    }

    #[test]
    fn a_file_that_was_not_there_is_gone_again_with_its_folder() {
        let (_, folder) = round(None);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_changed_meanwhile_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        fs::write(&path, "{}").unwrap();
        let file = SettingsFile::read(&path).unwrap();
        let mut settings = file.settings.clone();
        install(&mut settings);
        settings.insert("theme".to_owned(), Value::from("dark"));
        file.write(&settings).unwrap();
        let file = SettingsFile::read(&path).unwrap();
        let mut settings = file.settings.clone();
        uninstall(&mut settings, &file);
        file.write(&settings).unwrap();
        let dark = "{\n  \"theme\": \"dark\"\n}\n";
        assert_eq!(fs::read_to_string(&path).unwrap(), dark);
        assert!(file.backup().exists(), "the copy of before stays where it was not restored");
        // And makes room for a newer one.
        let file = SettingsFile::read(&path).unwrap().untouched();
        let mut settings = file.settings.clone();
        install(&mut settings);
        file.write(&settings).unwrap();
        assert_eq!(fs::read_to_string(file.backup()).unwrap(), dark);
        // Where there was no file, none comes back.
        fs::remove_file(&path).unwrap();
        let file = SettingsFile::read(&path).unwrap().untouched();
        file.write(&settings).unwrap();
        assert!(!file.backup().exists());
    }

    #[test]
    fn what_is_no_settings_file_is_named_and_left() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        for (text, words) in [("{\n  \"a\": tru\n}", "line 3"), ("[]", "no JSON object")] {
            fs::write(&path, text).unwrap();
            let error = SettingsFile::read(&path).unwrap_err().to_string();
            assert!(error.contains("settings.json") && error.contains(words), "{error}");
        }
        fs::write(&path, " ".repeat(usize::try_from(MAX_BYTES).unwrap() + 1)).unwrap();
        assert!(SettingsFile::read(&path).unwrap_err().to_string().contains("over"));
    }
}
