"""The names of made-up people."""

FIRST = (
    "Ada Alan Amara Amina Anders Anna Aoife Ben Bianca Carlos Chidi Chloe Clara Daan David Diego Elena Elif Emil Emma Fatima "
    "Felix Finn Grace Hana Hugo Ines Isaac Ivy Jonas Julia Kofi Lars Lea Lena Leo Liam Lin Louis Lucia Maja Marco Maria Mateo "
    "Maya Mei Mila Nadia Nina Noah Nora Olga Omar Oscar Pablo Paula Petra Priya Rafael Ravi Rosa Sam Sara Sofia Tariq Tom "
    "Uma Vera Viktor Wei Yara Yusuf Zoe"
).split()
LAST = (
    "Adeyemi Ahmed Andersen Bauer Berg Bianchi Bernard Brown Castro Chen Clark Costa Dubois Eriksson Evans Fernandez Fischer "
    "Garcia Gomez Gupta Haddad Hansen Hoffmann Ito Ivanova Jansen Jensen Johnson Kaya Keller Khan Kim Kowalski Kumar Larsen "
    "Lee Lopez Martin Meyer Moreau Mueller Murphy Nakamura Nguyen Novak Okafor Olsen Park Patel Pereira Petrov Ricci Rossi "
    "Santos Sato Schmidt Silva Singh Smith Suzuki Tanaka Taylor Torres Vogel Wagner Walker Wang Weber Wilson Wright Yilmaz "
    "Zhang"
).split()
