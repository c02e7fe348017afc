"""What every mail says around its text, and the words that a context names by an identifier."""

ENGLISH = "en"

# singular and plural
Counted = tuple[str, str]

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "button_fails": "If the button does nothing, open this address:",
        "footer": "Troupe sent you this by itself. Nobody reads answers to it.",
        "member": "member",
        "admin": "admin",
        "owner": "owner",
        "totp_added": "An authenticator app was added.",
        "totp_removed": "The authenticator app was removed.",
        "passkey_added": "A passkey was added.",
        "passkey_removed": "A passkey was removed.",
        "recovery_codes": "New recovery codes were made. The old ones no longer work.",
        "password": "password",
        "passkey": "passkey",
        "magic_link": "link by mail",
    },
    "de": {
        "button_fails": "Wenn der Knopf nichts tut, öffne diese Adresse:",
        "footer": "Troupe hat dir das automatisch geschickt. Antworten darauf liest niemand.",
        "member": "Mitglied",
        "admin": "Admin",
        "owner": "Inhaber",
        "totp_added": "Eine Authenticator-App wurde hinzugefügt.",
        "totp_removed": "Die Authenticator-App wurde entfernt.",
        "passkey_added": "Ein Passkey wurde hinzugefügt.",
        "passkey_removed": "Ein Passkey wurde entfernt.",
        "recovery_codes": "Es gibt neue Wiederherstellungscodes. Die alten gelten nicht mehr.",
        "password": "Passwort",
        "passkey": "Passkey",
        "magic_link": "Link per Mail",
    },
    "fr": {
        "button_fails": "Si le bouton ne fait rien, ouvre cette adresse :",
        "footer": "Troupe t’a envoyé ce message automatiquement. Personne ne lit les réponses.",
        "member": "membre",
        "admin": "admin",
        "owner": "propriétaire",
        "totp_added": "Une application d’authentification a été ajoutée.",
        "totp_removed": "L’application d’authentification a été retirée.",
        "passkey_added": "Une clé d’accès a été ajoutée.",
        "passkey_removed": "Une clé d’accès a été retirée.",
        "recovery_codes": "De nouveaux codes de secours ont été créés. Les anciens ne valent plus rien.",
        "password": "mot de passe",
        "passkey": "clé d’accès",
        "magic_link": "lien par e-mail",
    },
    "es": {
        "button_fails": "Si el botón no hace nada, abre esta dirección:",
        "footer": "Troupe te ha enviado este mensaje de forma automática. Nadie lee las respuestas.",
        "member": "miembro",
        "admin": "administrador",
        "owner": "propietario",
        "totp_added": "Se ha añadido una aplicación de autenticación.",
        "totp_removed": "Se ha quitado la aplicación de autenticación.",
        "passkey_added": "Se ha añadido una llave de acceso.",
        "passkey_removed": "Se ha quitado una llave de acceso.",
        "recovery_codes": "Hay códigos de recuperación nuevos. Los anteriores ya no valen.",
        "password": "contraseña",
        "passkey": "llave de acceso",
        "magic_link": "enlace por correo",
    },
    "pt": {
        "button_fails": "Se o botão não fizer nada, abra este endereço:",
        "footer": "A Troupe enviou esta mensagem automaticamente. Ninguém lê as respostas.",
        "member": "membro",
        "admin": "administrador",
        "owner": "proprietário",
        "totp_added": "Um aplicativo autenticador foi adicionado.",
        "totp_removed": "O aplicativo autenticador foi removido.",
        "passkey_added": "Uma chave de acesso foi adicionada.",
        "passkey_removed": "Uma chave de acesso foi removida.",
        "recovery_codes": "Há novos códigos de recuperação. Os antigos não valem mais.",
        "password": "senha",
        "passkey": "chave de acesso",
        "magic_link": "link por e-mail",
    },
}
NAMES = {"google": "Google", "discord": "Discord", "twitter": "X (Twitter)"}  # the same in every language
MINUTES: dict[str, Counted] = {
    "en": ("minute", "minutes"),
    "de": ("Minute", "Minuten"),
    "fr": ("minute", "minutes"),
    "es": ("minuto", "minutos"),
    "pt": ("minuto", "minutos"),
}
DAYS: dict[str, Counted] = {
    "en": ("day", "days"),
    "de": ("Tag", "Tage"),
    "fr": ("jour", "jours"),
    "es": ("día", "días"),
    "pt": ("dia", "dias"),
}


def language_of(locale: str) -> str:
    """The language whose texts a person of this locale gets: `pt-BR` finds `pt`, what we don't have finds `en`."""
    language = locale.replace("_", "-").split("-")[0].lower()
    return language if language in WORDS else ENGLISH


def counted(number: int, words: dict[str, Counted], language: str) -> str:
    one, many = words[language]
    return f"{number} {one if number == 1 else many}"
