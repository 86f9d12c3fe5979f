"""Describes how people of a language write addresses: what they shorten and add, and streets that do not exist.

Nothing here is taken from the tables of `adapters/address/names/`: the benches ask what people type, and not what the
rule is known to read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Style:
    """The habits of one language. Keys are words without accents, in lower case.

    `short` has how a word is shortened, `endings` how the end of one is ("Hauptstraße", "Hauptstr."). `noise` are pairs
    of what is in the field of the number and in that of the street; `{flat}`, `{floor}`, `{few}` and `{letter}` are
    drawn. `ways` are patterns around a name. `invented` are names that no town has, `cities` are postcodes and towns
    far away. `articles` make no difference between two names.
    """

    language: str
    short: Mapping[str, tuple[str, ...]]
    noise: tuple[tuple[str, str], ...]
    ways: tuple[str, ...]
    invented: tuple[str, ...]
    cities: tuple[tuple[str, str], ...]
    articles: frozenset[str]
    endings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


FRENCH = Style(
    language="fr",
    short={
        "boulevard": ("Bd", "bld", "Boul."), "avenue": ("Av", "av.", "Ave"), "rue": ("r", "R."), "place": ("Pl", "pl."),
        "general": ("Gal", "gal.", "Gén."), "saint": ("St", "st"), "sainte": ("Ste", "ste"), "faubourg": ("Fg", "Fbg"),
        "passage": ("Pass", "pas."), "impasse": ("Imp", "imp."), "square": ("Sq", "sq."), "docteur": ("Dr", "dr."),
        "marechal": ("Mal", "mal"), "president": ("Pdt", "Prés"), "professeur": ("Pr", "prof"), "cours": ("crs",),
        "commandant": ("Cdt", "cdt"), "colonel": ("Col", "col."), "allee": ("All", "all."), "quai": ("q", "Q."),
        "chemin": ("Ch", "chem."), "route": ("Rte", "rte"), "capitaine": ("Cap", "cap."), "galerie": ("Gal",),
        "lieutenant": ("Lt",), "monseigneur": ("Mgr",), "grande": ("Gde",), "petit": ("Pt",), "petite": ("Pte",),
        "villa": ("Vla",),
    },
    noise=(
        ("Appt {flat}, bât {letter}, {number}", "{street}"),
        ("", "Appt {flat}, bât {letter}, {number} {street}"),
        ("{number}", "{street}, {floor}e étage"),
        ("{number}", "{street} - escalier {letter}, porte {flat}"),
        ("{number}, esc. {few}", "{street}"),
        ("", "Résidence des Acacias, {number} {street}"),
        ("{number}", "{street} (3ème étage gauche)"),
        ("", "c/o Martin, {number}, {street}"),
        ("{number}", "Bâtiment {letter} {street}"),
        ("", "{number} {street} apt. {flat}"),
    ),
    ways=("rue {}", "avenue {}", "boulevard {}", "place {}", "passage {}", "impasse {}", "quai {}", "allée {}"),
    invented=(
        "des Dragons Verts", "du Pont Cassé", "Zoltan Perebec", "de la Lune Noire", "des Trois Hiboux", "Amélie Corvec",
        "du Général Brancourt", "du Docteur Malavoy", "de l'Ancienne Forge", "des Merles Blancs", "Saint-Evrard",
        "du Vieux Lavoir", "des Petits Sabots", "Jean Tardivel", "du Faubourg Saint-Ursin", "de Valmont",
        "des Fauvettes", "du Chat Borgne", "Marguerite Doulin", "des Quatre Chemins", "du Capitaine Ferrec",
        "de Brévan", "Sainte-Olive",
    ),
    cities=(
        ("69002", "Lyon"), ("13001", "Marseille"), ("33000", "Bordeaux"), ("59000", "Lille"), ("93200", "Saint-Denis"),
        ("92100", "Boulogne-Billancourt"), ("31000", "Toulouse"), ("44000", "Nantes"), ("94200", "Ivry-sur-Seine"),
    ),
    articles=frozenset(
        ["d", "de", "du", "des", "l", "la", "le", "les", "et", "à", "au", "aux", "del", "dels", "lo", "las"]
    ),
)  # fmt: skip

ENGLISH = Style(
    language="en",
    short={
        "street": ("St", "St.", "str"), "road": ("Rd", "rd."), "avenue": ("Ave", "Av."), "lane": ("Ln", "la"),
        "drive": ("Dr", "Drv"), "court": ("Ct", "Crt"), "square": ("Sq", "sq."), "terrace": ("Terr", "Ter"),
        "gardens": ("Gdns", "Gdn"), "crescent": ("Cres", "Cr."), "place": ("Pl", "pl."), "saint": ("St", "St."),
        "north": ("N", "N."), "south": ("S", "S."), "east": ("E", "E."), "west": ("W", "W."), "close": ("Cl",),
        "boulevard": ("Blvd", "Blv"), "mount": ("Mt",), "upper": ("Upr",), "grove": ("Grv",),
    },
    noise=(
        ("Flat {flat}, {number}", "{street}"),
        ("", "Apartment {flat}{letter}, {number} {street}"),
        ("{number}", "{street}, Unit {few}"),
        ("{number}", "{street}, {floor}th floor"),
        ("", "{number} {street} Apt {flat}"),
        ("{number}", "{street} #{flat}"),
        ("", "c/o Brown, {number} {street}"),
        ("{number}", "Block {letter}, {street}"),
        ("", "Flat {few}, Acacia House, {number} {street}"),
    ),
    ways=("{} Street", "{} Road", "{} Lane", "{} Avenue", "{} Close", "{} Gardens", "{} Hill", "The {}"),
    invented=(
        "Dragon", "Broken Bridge", "Perebec", "Black Moon", "Three Owls", "Corvec", "Brancourt", "Old Smithy",
        "White Thrush", "Saint Evrard", "Washhouse", "Little Clogs", "Tardivel", "One-Eyed Cat", "Doulin", "Fourways",
        "Ferrec", "Brevan", "Marlowdale", "Quillhurst",
    ),
    cities=(("LS1 4AP", "Leeds"), ("BS1 5TR", "Bristol"), ("02139", "Cambridge"), ("60601", "Chicago")),
    articles=frozenset(("the", "of")),
)  # fmt: skip

GERMAN = Style(
    language="de",
    short={
        "strasse": ("Str.", "Str"), "platz": ("Pl.", "Pl"), "sankt": ("St.", "St"), "doktor": ("Dr.",),
        "professor": ("Prof.",), "allee": ("All.",), "grosse": ("Gr.",), "kleine": ("Kl.",), "alte": ("A.",),
    },
    endings={"straße": ("str.", "str", "strasse"), "platz": ("pl.",), "gasse": ("g.",)},
    noise=(
        ("{number}", "{street}, {floor}. OG"),
        ("{number}", "{street}, Wohnung {flat}"),
        ("{number}, Hinterhaus", "{street}"),
        ("{number}", "c/o Meier, {street}"),
        ("", "{street} {number}, 2. Stock links"),
        ("{number} Whg. {flat}", "{street}"),
        ("{number}", "{street} Haus {letter}"),
        ("{number}", "{street}, Aufgang {letter}"),
    ),
    ways=("{}straße", "{}weg", "{}gasse", "{}platz", "Am {}", "Zum {}", "{}ring", "An der {}"),
    invented=(
        "Drachen", "Brücken", "Perebec", "Mond", "Eulen", "Corvec", "Brancourt", "Schmiede", "Amsel", "Evrard",
        "Waschhaus", "Holzschuh", "Tardivel", "Kater", "Doulin", "Ferrec", "Brevan", "Quellental",
    ),
    cities=(("80331", "München"), ("50667", "Köln"), ("04109", "Leipzig"), ("20095", "Hamburg")),
    articles=frozenset(["am", "an", "der", "die", "das", "den", "dem", "zum", "zur", "im", "in", "bei", "und"]),
)  # fmt: skip

SPANISH = Style(
    language="es",
    short={
        "calle": ("C/", "c.", "Cl"), "avenida": ("Avda.", "Av.", "Avd"), "plaza": ("Pza.", "Pl."), "paseo": ("Pº",
        "P."),
        "camino": ("Cno.", "Cmno"), "carretera": ("Ctra.", "Crta"), "santa": ("Sta.", "Sta"), "san": ("S.",),
        "general": ("Gral.",), "doctor": ("Dr.",), "nuestra": ("Ntra.",), "senora": ("Sra.",), "ronda": ("Rda.",),
        "travesia": ("Trav.", "Trva"), "maria": ("Mª",), "francisco": ("Fco.",),
    },
    noise=(
        ("{number}, {floor}º {letter}", "{street}"),
        ("{number}", "{street}, piso {floor}, puerta {few}"),
        ("{number}", "{street}, escalera {letter}"),
        ("", "{street}, {number}, {floor}º izda."),
        ("{number} bajo", "{street}"),
        ("{number}", "Bloque {few}, {street}"),
        ("{number}", "{street} (portal {few})"),
    ),
    ways=("Calle {}", "Avenida {}", "Plaza {}", "Paseo {}", "Camino {}", "Travesía {}", "Ronda {}"),
    invented=(
        "de los Dragones", "del Puente Roto", "Zoltán Perebec", "de la Luna Negra", "de los Tres Búhos",
        "Amelia Corvec",
        "del General Brancourt", "del Doctor Malavoy", "de la Fragua Vieja", "de los Mirlos", "de San Evrardo",
        "del Lavadero Viejo", "Juan Tardivel", "del Gato Tuerto", "de Brevane", "de Santa Olivia",
    ),
    cities=(("08001", "Barcelona"), ("41001", "Sevilla"), ("48001", "Bilbao"), ("46001", "Valencia")),
    articles=frozenset(["de", "del", "la", "las", "los", "el", "y"]),
)  # fmt: skip

ITALIAN = Style(
    language="it",
    short={
        "via": ("V.", "v"), "viale": ("V.le", "Vle"), "piazza": ("P.za", "Pzza", "P.zza"), "corso": ("C.so", "Cso"),
        "vicolo": ("Vic.", "V.lo"), "largo": ("L.go",), "santa": ("S.", "Sta"), "san": ("S.",), "strada": ("Str.",),
        "generale": ("Gen.",), "dottor": ("Dr.",), "piazzale": ("P.le",), "giuseppe": ("G.",), "giovanni": ("G.",),
    },
    noise=(
        ("{number} int. {few}", "{street}"),
        ("{number}, scala {letter}", "{street}"),
        ("{number}", "{street}, piano {floor}"),
        ("", "{street}, {number}, interno {flat}"),
        ("{number}", "presso Bianchi, {street}"),
        ("{number}", "{street} - palazzina {letter}"),
        ("", "{street} {number}"),
    ),
    ways=("Via {}", "Viale {}", "Piazza {}", "Vicolo {}", "Corso {}", "Largo {}", "Strada {}"),
    invented=(
        "dei Draghi", "del Ponte Rotto", "Zoltan Perebec", "della Luna Nera", "dei Tre Gufi", "Amelia Corvec",
        "Generale Brancourt", "Dottor Malavoy", "della Vecchia Fucina", "dei Merli Bianchi", "Sant'Evrardo",
        "del Lavatoio", "Gianni Tardivel", "del Gatto Guercio", "di Brevano", "Santa Olivia",
    ),
    cities=(("20121", "Milano"), ("80132", "Napoli"), ("10121", "Torino"), ("90133", "Palermo")),
    articles=frozenset(["di", "del", "della", "dei", "degli", "delle", "d", "dell", "la", "il", "lo", "le", "i", "e"]),
)  # fmt: skip

FINNISH = Style(
    language="en",  # Finnish has no table of its own: a town whose language is not described yet
    short={"katu": ("k.",), "pieni": ("P.",), "iso": ("I.",), "pohjoinen": ("P.", "Pohj."), "etelainen": ("E.", "Et.")},
    endings={"katu": ("k.",), "tie": ("t.",), "gatan": ("g.",)},
    noise=(
        ("{number} {letter} {flat}", "{street}"),
        ("{number} as. {flat}", "{street}"),
        ("{number}", "{street}, {floor}. krs"),
        ("{number}", "c/o Virtanen, {street}"),
        ("", "{street} {number} {letter} {flat}"),
    ),
    ways=("{}katu", "{}tie", "{}kuja", "{}polku", "{}gatan"),
    invented=("Lohikäärme", "Pöllö", "Perebec", "Mustakuu", "Corvec", "Brancour", "Vanhapaja", "Ferrec", "Tardivel"),
    cities=(("33100", "Tampere"), ("20100", "Turku"), ("90100", "Oulu"), ("02100", "Espoo")),
    articles=frozenset(),
)  # fmt: skip
