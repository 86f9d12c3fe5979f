"""Words of names that identify no one, or few, as `fold` writes them."""

from __future__ import annotations

from collections.abc import Mapping

PARTICLES = frozenset({
    "aan", "af", "al", "am", "an", "ap", "auf", "av", "ben", "bin", "bint", "binti", "bte", "d", "da", "dal", "dalla",
    "dalle", "das", "de", "degli", "dei", "del", "dela", "delas", "dele", "della", "delle", "delos", "dem", "den",
    "der", "des", "di", "do", "dos", "du", "e", "el", "ferch", "i", "ibn", "im", "in", "la", "las", "le", "les", "lo",
    "los", "ni", "nic", "o", "op", "t", "te", "ten", "ter", "tot", "ui", "uit", "und", "ur", "van", "vande", "vanden",
    "vander", "ver", "vom", "von", "y", "z", "zu", "zum", "zur",
})  # fmt: skip
"""Words of a family name that may be omitted: de la Tour, van der Berg, al-Hassan. Without others, they are the name:
Le, An and Do. A single letter at the end is an initial."""

GIVEN_PARTICLES = frozenset({"da", "das", "de", "del", "della", "di", "do", "dos", "la", "las", "los"})
"""The same in given names: María del Carmen, Maria da Conceição; without Van, Le and Al, which are given names."""

GENERATIONS: Mapping[str, str] = {
    "jr": "second", "jnr": "second", "junior": "second", "ii": "second", "2nd": "second", "filho": "second",
    "sr": "first", "snr": "first", "senior": "first", "iii": "third", "3rd": "third", "neto": "grandson",
    "iv": "fourth", "4th": "fourth", "sobrinho": "nephew",
}  # fmt: skip
"""Words that distinguish a father from a son with the same name: if they differ, these are two people."""

TITLES = frozenset({
    "atty", "born", "cav", "dds", "dipl", "dit", "dite", "docent", "docteur", "doctor", "doktor", "dott", "dottssa",
    "dr", "dra", "drs", "dvm", "ep", "epouse", "esq", "formerly", "frau", "geb", "geboren", "genannt", "herr", "hon",
    "ing", "jd", "lic", "maitre", "mba", "mgr", "mlle", "mme", "mr", "mrs", "ms", "msc", "mst", "mudr", "ne", "nee",
    "pharmd", "phd", "prof", "profa", "professor", "professora", "rev", "rndr", "shri", "sig", "sir", "smt", "sra",
    "srta", "univ", "veuve", "vve",
})  # fmt: skip
"""Titles, degrees, and words such as "née"."""

SHORTENED: Mapping[str, str] = {"st": "saint", "ste": "sainte", "sta": "santa", "sto": "santo"}
"""Parts of family names that some registries abbreviate."""

SHORTENED_GIVEN: Mapping[str, str] = {"ma": "maria", "fco": "francisco", "fca": "francisca", "md": "mohammad"}
"""The same next to another given name: Mª Carmen, Fco. Javier."""

FOREWORDS = frozenset({
    "abd", "abou", "abu", "ait", "mac", "mc", "ould", "saint", "sainte", "san", "santa", "santo", "sao", "st",
})  # fmt: skip
"""First words of many family names, which are no names by themselves: Saint is not Saint-Martin."""

BETWEEN_NAMES = frozenset({
    "aka", "alias", "born", "dit", "dite", "ep", "epouse", "formerly", "geb", "geborene", "ne", "nee", "veuve", "vve",
})  # fmt: skip
"""Words between two family names of one person: Dupont née Martin."""

SHARED_BY_MANY = frozenset({"jose", "maria", "marie", "mary", "mohamed", "mohammad", "mohammed", "muhammad"})
"""Given to women and men in addition to another name: it identifies few where it is not the first."""

COMMON = frozenset({
    "abdallah", "abdullah", "ahmad", "ahmed", "ahmet", "aisha", "akhtar", "akter", "alejandro", "aleksandr", "ali",
    "aliyev", "aliyeva", "almeida", "alvarez", "alves", "ana", "anders", "andersen", "anderson", "andersson",
    "andrei", "andrew", "andrzej", "anh", "anita", "ann", "anna", "anne", "anthony", "antonia", "antonio", "aquino",
    "ashley", "aydin", "ayse", "ba", "barbara", "bautista", "begum", "bekele", "bibi", "bondarenko", "botha", "brown",
    "bui", "cardoso", "carlos", "carmen", "carvalho", "castro", "catherine", "celik", "chan", "chang", "charles",
    "chavez", "chen", "cho", "choe", "choi", "christensen", "christopher", "cohen", "cornelis", "correia", "costa",
    "coulibaly", "cristina", "cruz", "dang", "daniel", "das", "david", "davis", "delacruz", "demir", "devi", "diallo",
    "diarra", "diaz", "dimitrios", "dimitrov", "dimitrova", "diop", "dlamini", "dmitrii", "do", "elena", "eleni",
    "elizabeth", "emine", "erik", "eriksson", "eva", "ewa", "fatima", "fatma", "fernandes", "fernandez", "ferrari",
    "ferreira", "fischer", "flores", "francesco", "francisca", "francisco", "gao", "garcia", "george", "georgiev",
    "georgieva", "georgios", "giovanni", "giuseppe", "gomes", "gomez", "goncalves", "gonzales", "gonzalez",
    "guadalupe", "gudmundsdottir", "gudmundsson", "guo", "gupta", "gustafsson", "gutierrez", "hans", "hansen",
    "hasan", "hassan", "hatice", "he", "hernandez", "ho", "hoang", "horvath", "hossain", "hu", "huang", "huseyin",
    "hussain", "hussein", "huynh", "ibrahim", "ioannis", "ionescu", "irina", "isabel", "isabelle", "islam", "ito",
    "ivan", "ivanov", "ivanova", "jacob", "james", "jan", "jana", "jang", "jansen", "janssen", "javier", "jean",
    "jennifer", "jensen", "jeong", "jessica", "jesus", "jimenez", "jing", "joao", "johanna", "johannes", "johansen",
    "johansson", "john", "johnson", "jones", "jonsdottir", "jonsson", "jorge", "jorgensen", "jose", "joseph",
    "joshua", "juan", "juana", "jun", "jung", "kang", "karen", "karl", "karlsson", "katarzyna", "kato", "kaur",
    "kaya", "kebede", "keita", "khadija", "khaled", "khalil", "khan", "khatun", "kim", "kiss", "kobayashi",
    "konstantinos", "korhonen", "kovacs", "kovalenko", "kowalska", "kowalski", "kristensen", "kristiansen",
    "krzysztof", "kumar", "kuznetsov", "kuznetsova", "lam", "lars", "larsen", "larsson", "laura", "le", "lee", "levi",
    "levy", "li", "lim", "lima", "lin", "linda", "liu", "lopes", "lopez", "lucas", "luis", "luo", "ma", "madsen",
    "mahmoud", "malgorzata", "malik", "mammadov", "mammadova", "manuel", "marcos", "margaret", "maria", "marie",
    "mark", "marques", "marta", "martin", "martinez", "martins", "mary", "maryam", "matthew", "mehmet", "melnyk",
    "mendes", "mendoza", "mensah", "meyer", "michael", "michel", "miguel", "miller", "min", "ming", "minh", "mizrahi",
    "mohamad", "mohamed", "mohammad", "mohammed", "monteiro", "morales", "moreira", "mostafa", "muhammad", "muller",
    "mustafa", "nagy", "nakamura", "natalia", "nathalie", "ndiaye", "nel", "ngo", "nguyen", "nielsen", "nikolaos",
    "nilsen", "nilsson", "nkosi", "novak", "novakova", "nowak", "nunes", "ocampo", "okafor", "oleksandr", "olga",
    "oliveira", "olsen", "olsson", "omar", "ortiz", "owusu", "ozturk", "pak", "papadopoulos", "papadopoulou", "park",
    "patel", "patricia", "paul", "paulo", "pedersen", "pedro", "per", "pereira", "perez", "persson", "peter",
    "petersen", "petrov", "petrova", "pettersson", "pham", "phan", "philippe", "pierre", "pinto", "piotr", "popa",
    "popescu", "popov", "popova", "priya", "rahman", "rahul", "raj", "ram", "ramirez", "ramos", "rao", "rasmussen",
    "reddy", "reyes", "ribeiro", "richard", "rita", "rivera", "robert", "rocha", "rodrigues", "rodriguez", "rojas",
    "romero", "rosa", "rossi", "ruiz", "russo", "sahin", "saleh", "salem", "sanchez", "santos", "sarah", "sato",
    "sayed", "schmidt", "schneider", "sergei", "sergey", "shah", "sharma", "shevchenko", "sigurdardottir",
    "sigurdsson", "silva", "singh", "smirnov", "smirnova", "smith", "soares", "sorensen", "sousa", "souza", "sow",
    "stanislaw", "sun", "sunita", "susan", "suzuki", "svensson", "svoboda", "szabo", "takahashi", "tan", "tanaka",
    "tatiana", "taylor", "teixeira", "tesfaye", "thi", "thomas", "torres", "toth", "tran", "traore", "ursula", "van",
    "vargas", "verma", "vieira", "villanueva", "virtanen", "vladimir", "vo", "vu", "wang", "watanabe", "weber", "wei",
    "white", "william", "williams", "wilson", "wong", "wu", "xu", "yadav", "yamamoto", "yan", "yang", "yi", "yildiz",
    "yilmaz", "ying", "yoon", "youssef", "zhang", "zhao", "zhou", "zhu",
})  # fmt: skip
"""Names of about one person in a hundred in some country. Two who share only part of such a name are two people."""
