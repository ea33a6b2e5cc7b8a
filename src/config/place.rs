//! The name and the room that `connect` asks a service of rooms for.

use super::ConfigError;
use crate::service::chat_client::Place;
use crate::service::rooms::{InvalidName, Name, RoomName};
use crate::value::escape;

/// The place in these options, if there is one. The server limits its length.
///
/// # Errors
/// The name or the room is none.
pub fn place(name: Option<&[u8]>, room: Option<&[u8]>) -> Result<Option<Place>, ConfigError> {
    let refuse =
        |option: &str, text: &[u8], why: InvalidName| ConfigError::new(format!("{option} {}: {why}", escape(text)));
    let name = name.map(|text| match Name::parse(text, usize::MAX) {
        Ok(name) => Ok(name.as_str().to_owned()),
        Err(why) => Err(refuse("--name", text, why)),
    });
    let room = room.map(|text| match RoomName::parse(text, usize::MAX) {
        Ok(room) => Ok(room.as_str().to_owned()),
        Err(why) => Err(refuse("--room", text, why)),
    });
    let place = Place { name: name.transpose()?, room: room.transpose()? };
    Ok(Some(place).filter(|place| *place != Place::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_service_of_rooms_takes_are_refused() {
        let named = |name: &str, room: &str| Some(Place { name: Some(name.into()), room: Some(room.into()) });
        assert_eq!(place(None, None).unwrap(), None);
        assert_eq!(place(Some(b"ann"), Some(b"#lab")).unwrap(), named("ann", "lab"));
        let refused = |name, room| place(name, room).unwrap_err().to_string();
        let characters = "may only have letters, digits and - _ . [ ] { } ^ |";
        assert_eq!(refused(Some(b"a\nb"), None), format!("--name a\\nb: {characters}"));
        assert_eq!(refused(Some(b"1st"), None), "--name 1st: must begin with a letter or one of _ [ ] { } ^ |");
        assert_eq!(refused(None, Some(b"")), "--room : is empty");
        assert_eq!(refused(None, Some(b"a b")), format!("--room a b: {characters}"));
    }
}
