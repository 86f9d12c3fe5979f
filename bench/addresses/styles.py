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

    `line` is a whole address in one line. `between` are words between two addresses of which only one may be meant,
    `joints` those between two numbers of one street. `phantoms` have a `{count}` of something else than houses.
    `districts` are towns with how the last two digits of a postcode are written there.
    """

    language: str
    short: Mapping[str, tuple[str, ...]]
    noise: tuple[tuple[str, str], ...]
    ways: tuple[str, ...]
    invented: tuple[str, ...]
    cities: tuple[tuple[str, str], ...]
    articles: frozenset[str]
    endings: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    line: str = "{number} {street}"
    between: tuple[str, ...] = ()
    joints: tuple[str, ...] = ()
    phantoms: tuple[str, ...] = ()
    districts: tuple[str, ...] = ()


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
    between=("maintenant", "anciennement", "avant", "désormais", "ou", "et", "puis"),
    joints=("à", "et", "ou", "au"),
    phantoms=(
        "{street}, {count} étages", "{count} logements, {street}", "{street} ({count} pièces)", "{street} {count} lots",
        "{street}, {count} personnes", "{street}, PK {count},5", "{street}, depuis {count} ans",
        "{street} km {count},5", "{street} appt {count}", "{count} enfants, {street}",
    ),
    districts=("{city} {district}e", "{city} {district}ème", "{city} {district}", "{district}e arrondissement"),
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
    between=("now", "formerly", "previously", "or", "and", "moved to"),
    joints=("to", "and", "or", "&"),
    phantoms=(
        "{street}, {count} bedrooms", "{count} bed flat, {street}", "{street}, Flat {count}",
        "{street} ({count} floors)", "{street}, {count} years", "{street}, mile {count}.5", "{street}, {count} people",
        "{count} apartments, {street}", "Unit {count}, {street}", "{street} {count} units",
    ),
)  # fmt: skip

GERMAN = Style(
    language="de",
    short={
        "strasse": ("Str.", "Str"), "platz": ("Pl.", "Pl"), "sankt": ("St.", "St"), "doktor": ("Dr.",),
        "professor": ("Prof.",), "allee": ("All.",), "grosse": ("Gr.",), "kleine": ("Kl.",), "alte": ("A.",),
    },
    endings={"straße": ("str.", "str", "strasse"), "strasse": ("str.", "str"), "platz": ("pl.",), "gasse": ("g.",)},
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
    line="{street} {number}",
    between=("jetzt", "früher", "vorher", "neu", "oder", "und", "ehemals"),
    joints=("bis", "und", "oder", "u."),
    phantoms=(
        "{street}, {count} Stockwerke", "{count} Zimmer, {street}", "{street} Haus {count}", "{street}, km {count},5",
        "{street} ({count} Wohnungen)", "{street}, seit {count} Jahren", "{street}, Wohnung {count}",
        "{street} {count} Personen", "{street}, {count}-Zimmer-Wohnung", "Block {count}, {street}",
    ),
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
    line="{street}, {number}",
    between=("ahora", "antes", "anteriormente", "o", "y", "actualmente"),
    joints=("a", "y", "o", "al"),
    phantoms=(
        "{street}, {count} dcha", "{street}, {count}º izda", "{street}, {count} plantas", "{count} viviendas, {street}",
        "{street}, km {count},5", "{street}, bloque {count}", "{street} ({count} habitaciones)",
        "{street} {count} vecinos", "{street}, desde hace {count} años", "{street}, puerta {count}",
    ),
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
    line="{street} {number}",
    between=("ora", "prima", "già", "ex", "oppure", "e", "o"),
    joints=("a", "e", "o", "al"),
    phantoms=(
        "{street}, {count} piani", "{count} appartamenti, {street}", "{street}, interno {count}",
        "{street}, km {count},5", "{street}, scala {count}", "{street} ({count} vani)", "{street} {count} persone",
        "{street}, da {count} anni", "{street}, piano {count}", "lotto {count}, {street}",
    ),
)  # fmt: skip

PORTUGUESE = Style(
    language="pt",
    short={
        "rua": ("R.", "r"), "avenida": ("Av.", "Avª", "Aven."), "largo": ("Lg.", "Lgo"), "praca": ("Pç.", "Pc.", "Pça"),
        "travessa": ("Tv.", "Trav."), "estrada": ("Estr.", "Est."), "doutor": ("Dr.",), "santo": ("Sto.",),
        "santa": ("Sta.",), "sao": ("S.",), "nossa": ("N.",), "senhora": ("Srª", "Sra."), "professor": ("Prof.",),
        "engenheiro": ("Eng.",), "general": ("Gen.",), "bairro": ("B.º", "Br."), "quinta": ("Qta.",), "dom": ("D.",),
        # Official lists shorten what people write in full.
        "r": ("Rua", "R."), "av": ("Avenida", "Av."), "lg": ("Largo",), "pc": ("Praça",), "tv": ("Travessa",),
        "estr": ("Estrada",), "dr": ("Doutor", "Dr."), "qta": ("Quinta",), "br": ("Bairro",), "bc": ("Beco",),
        "prof": ("Professor",), "eng": ("Engenheiro",), "tra": ("Travessa", "Tv."), "cam": ("Caminho",),
    },
    noise=(
        ("{number}, {floor}º {letter}", "{street}"),
        ("{number}", "{street}, {few}º Dto"),
        ("{number} r/c esq.", "{street}"),
        ("", "{street}, {number}, {few}º Esq."),
        ("n.º {number}", "{street}"),
        ("{number}", "{street}, apartamento {flat}"),
        ("{number}", "{street} - bloco {letter}"),
        ("", "{street} nº {number} {floor}º andar"),
    ),
    ways=("Rua {}", "Avenida {}", "Praça {}", "Travessa {}", "Largo {}", "Beco {}", "Estrada {}"),
    invented=(
        "dos Dragões", "da Ponte Partida", "Zoltan Perebec", "da Lua Negra", "dos Três Mochos", "Amélia Corvec",
        "do General Brancourt", "do Doutor Malavoy", "da Forja Velha", "dos Melros Brancos", "de Santo Evrardo",
        "do Lavadouro Velho", "João Tardivel", "do Gato Zarolho", "de Brevane", "Santa Olívia",
    ),
    cities=(("1100-148", "Lisboa"), ("4000-322", "Porto"), ("3000-213", "Coimbra"), ("8000-138", "Faro")),
    articles=frozenset(["de", "do", "da", "dos", "das", "e", "o", "a", "os", "as"]),
    line="{street}, {number}",
    between=("agora", "antes", "anteriormente", "antiga", "ou", "e", "atualmente"),
    joints=("a", "e", "ou", "ao"),
    phantoms=(
        "{street}, {count} dto", "{street}, {count}º esq", "{street}, {count} andares", "{count} fogos, {street}",
        "{street}, lote {count}", "{street} ({count} quartos)", "{street}, km {count},5", "{street} {count} pessoas",
        "{street}, há {count} anos", "bloco {count}, {street}",
    ),
)  # fmt: skip

DUTCH = Style(
    language="nl",
    short={
        "laan": ("ln.",), "plein": ("pln.",), "sint": ("St.", "St"), "burgemeester": ("Burg.", "Bgm."),
        "dokter": ("Dr.",), "doctor": ("Dr.",), "professor": ("Prof.",), "van": ("v.",), "oude": ("O.",),
        "nieuwe": ("Nwe.", "N."), "noord": ("N.",), "zuid": ("Z.",), "koningin": ("Kon.",), "prins": ("Pr.",),
        "grote": ("Gr.",), "meester": ("Mr.",), "pastoor": ("Past.",), "generaal": ("Gen.",), "eerste": ("1e",),
    },
    endings={"straat": ("str.", "str"), "laan": ("ln.", "ln"), "plein": ("pln", "pl."), "weg": ("wg",)},
    noise=(
        ("{number}", "{street}, {few} hoog"),
        ("{number}", "{street}, {few}e verdieping"),
        ("{number}", "{street}, appartement {flat}"),
        ("", "{street} {number}, kamer {flat}"),
        ("{number}", "p/a Jansen, {street}"),
        ("nr. {number}", "{street}"),
        ("{number} huis", "{street}"),
        ("", "{street} {number} app. {flat}"),
    ),
    ways=("{}straat", "{}laan", "{}weg", "{}plein", "{}hof", "{}kade", "{}pad", "{}dijk"),
    invented=(
        "Draken", "Gebroken Brug", "Perebec", "Maan", "Uilen", "Corvec", "Brancourt", "Smederij", "Merel", "Evrard",
        "Washuis", "Klompen", "Tardivel", "Kater", "Doulin", "Ferrec", "Brevan", "Bronnendal",
    ),
    cities=(("1012 JS", "Amsterdam"), ("3011 AD", "Rotterdam"), ("9712 HW", "Groningen"), ("5611 EM", "Eindhoven")),
    articles=frozenset(["de", "het", "den", "der", "van", "t", "en", "ten", "ter"]),
    line="{street} {number}",
    between=("nu", "voorheen", "vroeger", "of", "en", "thans"),
    joints=("t/m", "en", "of", "tot"),
    phantoms=(
        "{street}, {count} hoog", "{count} woningen, {street}", "{street} ({count} kamers)",
        "{street}, {count} verdiepingen", "{street}, appartement {count}", "{street}, km {count},5",
        "{street}, al {count} jaar", "{street} {count} personen", "blok {count}, {street}", "{street}, kamer {count}",
    ),
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

STYLES = {style.language: style for style in (FRENCH, ENGLISH, GERMAN, SPANISH, ITALIAN, PORTUGUESE, DUTCH)}
"""By language."""
