"""vCards as programs write them."""

IOS = """BEGIN:VCARD\r
VERSION:3.0\r
PRODID:-//Apple Inc.//iPhone OS 17.5//EN\r
N:Hopper;Grace;Brewster;Dr.;\r
FN:Dr. Grace Brewster Hopper\r
ORG:US Navy;Computing\r
TITLE:Rear Admiral\r
item1.EMAIL;type=INTERNET;type=pref:grace@navy.example\r
item1.X-ABLabel:_$!<Work>!$_\r
EMAIL;type=INTERNET;type=HOME:grace@example.com\r
TEL;type=CELL;type=VOICE;type=pref:+1 (202) 555-0143\r
item2.ADR;type=HOME:;;Pier 7\\nDeck 2;Arlington;VA;22202;United States\r
item2.X-ABADR:us\r
BDAY;X-APPLE-OMIT-YEAR=1604:1604-12-09\r
NOTE:Found the first bug\\, a moth\\; really.\\nLikes clo\r
 cks.\r
PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAAMCAgMCAgMDAwMEAwMEBQgFBQQEBQ\r
 oHBwYIDAoMDAsKCwsNDhIQDQ4RDgsLEBYQERMUFRUVDA8XGBYUGBIUFRT/2wBDAQME\r
END:VCARD\r
"""
ANDROID = """BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=C3=85ngstr=C3=B6m;Zo=C3=AB;;;
FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Zo=C3=AB=20=C3=85ngstr=C3=B6=
m
TEL;CELL;PREF:+41 44 123 45 67
TEL;HOME:044 765 43 21
EMAIL;HOME:zoe@example.com
NOTE;ENCODING=QUOTED-PRINTABLE:one=0D=0Atwo
END:VCARD
"""
GOOGLE = """BEGIN:VCARD
VERSION:3.0
FN:Ada Lovelace
N:Lovelace;Ada;;;
EMAIL;TYPE=INTERNET;TYPE=WORK:ada@example.com
EMAIL;TYPE=INTERNET:ada@example.org
TEL;TYPE=CELL:+441234567890
item1.URL:https\\://example.com/ada
item1.X-ABLabel:PROFILE
BDAY:18151210
CATEGORIES:myContacts,Mathematicians
END:VCARD
"""
OUTLOOK = """BEGIN:VCARD
VERSION:2.1
X-MS-OL-DEFAULT-POSTAL-ADDRESS:2
N;LANGUAGE=de-ch:Müller;Jürg
FN:Jürg Müller
ORG:Müller; Söhne
ADR;WORK;PREF:;;Bahnhofstrasse 1;Zürich;;8001;CH
LABEL;WORK;PREF;ENCODING=QUOTED-PRINTABLE:Bahnhofstrasse 1=0D=0A=
8001 Z=FCrich
TEL;WORK;VOICE:+41 (44) 123 45 68
EMAIL;PREF;INTERNET:juerg@example.ch
PHOTO;TYPE=JPEG;ENCODING=BASE64:
 /9j/4AAQSkZJRgABAQEAYABgAAD/2wBDAAgGBgcGBQgHBwcJCQgKDBQNDAsLDBkSEw8UHRof

END:VCARD
"""
NEW = """BEGIN:VCARD
VERSION:4.0
UID:urn:uuid:4fbe8971-0bc3-424c-9c26-36c3e1eff6b1
FN;PREF=1:Alan Turing
N:Turing;Alan;;;
TEL;VALUE=uri;PREF=1;TYPE="voice,work":tel:+44-161-123-4567
EMAIL;PREF=1;TYPE=work:alan@example.com
ADR;TYPE=home;LABEL="8 Example Rd, Wilmslow":;;8 Example Rd;Wilmslow;;SK9;GB
BDAY:1912-06-23
PHOTO:data:image/jpeg;base64,/9j/4AAQSkZJRg
END:VCARD
"""
