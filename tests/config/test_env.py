"""The environment: what is read, what is refused, and that everything wrong is named at once."""

from datetime import timedelta
from pathlib import Path

import pytest

from config.env import DEVELOPMENT_SECRET, PRODUCTION_RULES, ConfigurationError, Environment, load_environment
from tests.config.conftest import SECRET


def refused(environ: dict[str, str]) -> list[str]:
    """The problems that are named, one a line."""
    with pytest.raises(ConfigurationError) as caught:
        load_environment(environ)
    title, *problems = str(caught.value).split("\n")
    assert title == "Troupe can't start with this environment:"
    return [problem.removeprefix("  - ") for problem in problems]


def names_of(problems: list[str]) -> set[str]:
    return {problem.split(":")[0] for problem in problems}


class TestDevelopment:
    def test_nothing_is_needed(self):
        env = load_environment({})
        assert env.in_development
        assert not env.in_production
        assert env == Environment()

    def test_limits_are_ten_times_as_wide_and_the_pool_half_as_large_as_in_production(self, production):
        development, real = load_environment({}), load_environment(production)
        assert (development.rate_limit_factor, real.rate_limit_factor) == (10, 1)
        assert (development.pool_size, real.pool_size) == (10, 20)

    def test_a_pool_of_none_is_a_choice(self):
        assert load_environment({"DATABASE_POOL_SIZE": "0"}).pool_size == 0

    def test_what_is_not_ours_is_not_read(self):
        assert load_environment({"PATH": "/usr/bin", "secret_key": "x", "EDITOR": "vi"}) == Environment()


class TestValues:
    def test_an_empty_variable_is_an_unset_one(self):
        assert load_environment(dict.fromkeys(Environment.model_fields, "")) == Environment()

    @pytest.mark.parametrize(
        ("text", "seconds"), [("45", 45), ("30s", 30), ("15m", 900), ("12h", 43_200), ("7d", 604_800), (" 2h ", 7200)]
    )
    def test_durations(self, text, seconds):
        assert timedelta(seconds=seconds) == load_environment({"JWT_EXPIRES_IN": text}).JWT_EXPIRES_IN

    @pytest.mark.parametrize("text", ["0", "0s", "-5m", "1.5h", "a day", "15 m", "15M", "٣m", "999999999d", "9" * 40])
    def test_what_is_no_duration(self, text):
        (problem,) = refused({"JWT_EXPIRES_IN": text})
        assert problem.startswith("JWT_EXPIRES_IN: ")

    def test_lists_are_separated_by_commas(self):
        env = load_environment({"ALLOWED_HOSTS": " troupe.example, ,www.troupe.example,", "CORS_ORIGINS": ""})
        assert env.ALLOWED_HOSTS == ["troupe.example", "www.troupe.example"]
        assert env.CORS_ORIGINS == []

    @pytest.mark.parametrize(("text", "value"), [("true", True), ("1", True), ("false", False), ("0", False)])
    def test_yes_and_no(self, text, value):
        assert load_environment({"DATABASE_LOGGING": text}).DATABASE_LOGGING is value

    def test_proxies_are_addresses_or_networks(self):
        env = load_environment({"TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8, fd00::/8"})
        assert env.TRUSTED_PROXIES == ["127.0.0.1", "10.0.0.0/8", "fd00::/8"]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("DJANGO_ENV", "prod"),
            ("PORT", "0"),
            ("PORT", "70000"),
            ("PORT", "http"),
            ("WEB_CONCURRENCY", "0"),
            ("DATABASE_POOL_SIZE", "-1"),
            ("DATABASE_LOGGING", "perhaps"),
            ("RATE_LIMIT_FACTOR", "0"),
            ("RATE_LIMIT_FACTOR", "-1"),
            ("RATE_LIMIT_FACTOR", "inf"),
            ("RATE_LIMIT_FACTOR", "nan"),
            ("TEXT_STALL_TIMEOUT", "0"),
            ("LOG_LEVEL", "LOUD"),
            ("TRUSTED_PROXIES", "127.0.0.1,proxy.internal"),
            ("DATABASE_URL", "mysql://root@localhost/troupe"),
            ("DATABASE_REPLICA_URL", "sqlite:///troupe.db"),
            ("REDIS_URL", "localhost:6379"),
            ("PUBLIC_URL", "troupe.example"),
            ("OPENAI_BASE_URL", "api.openai.com/v1"),
            ("SENTRY_DSN", "yes"),
            ("RESEND_BASE_URL", "api.resend.com"),
            ("RESEND_SIGNING_SECRET", "whsec_"),
            ("RESEND_SIGNING_SECRET", "whsec_not base64"),
            ("SMTP_PORT", "0"),
            ("MEDIA_STORAGE", "r2"),
            ("S3_ENDPOINT", "s3.example"),
            ("S3_REGION", "eu central"),
            ("S3_UPLOAD_EXPIRATION", "604801"),
            ("S3_UPLOAD_EXPIRATION", "0"),
            ("CDN_BASE_URL", "cdn.example"),
            ("IPFS_API_URL", "127.0.0.1:5001"),
            ("IMAGE_MAX_WIDTH", "16384"),
            ("IMAGE_MAX_HEIGHT", "0"),
            ("IMAGE_FORMAT", "jpeg"),
            ("IMAGE_QUALITY", "0"),
            ("IMAGE_QUALITY", "101"),
            ("MEDIA_DECODERS", "0"),
            ("CLAMAV_ADDRESS", "127.0.0.1:3310"),
            ("CLAMAV_ADDRESS", "tcp://127.0.0.1"),
            ("CLAMAV_ADDRESS", "tcp://127.0.0.1:99999"),
            ("CLAMAV_ADDRESS", "tcp://:3310"),
            ("CLAMAV_ADDRESS", "unix://clamd.ctl"),
            ("CLAMAV_ADDRESS", "http://127.0.0.1:3310"),
            ("EMAIL_FROM", "Troupe"),
            ("EMAIL_FROM", "Troupe <hello>"),
            ("EMAIL_FROM", "Troupe <hello@troupe.example>\nBcc: victim@troupe.example"),
            ("EMAIL_FROM", "a@troupe.example, b@troupe.example"),
        ],
    )
    def test_a_wrong_value_is_refused_by_name(self, name, value):
        assert names_of(refused({name: value})) == {name}

    def test_everything_wrong_is_named_at_once(self):
        wrong = {
            "PORT": "99999",
            "LOG_LEVEL": "loud",
            "JWT_EXPIRES_IN": "soon",
            "REDIS_URL": "here",
            "TEXT_BASE_URL": "http://127.0.0.1:11434/v1",
            "SECRET_KEY_FILE": "/nowhere/at/all",
        }
        assert names_of(refused(wrong)) == {
            "PORT", "LOG_LEVEL", "JWT_EXPIRES_IN", "REDIS_URL", "TEXT_MODEL", "SECRET_KEY_FILE"
        }  # fmt: skip

    def test_no_message_repeats_a_value_that_may_hold_a_password(self):
        wrong = {"DATABASE_URL": "mysql://root:hunter2@localhost/t", "REDIS_URL": "tcp://:hunter2@localhost"}
        assert "hunter2" not in "\n".join(refused(wrong))


class TestSecretsInFiles:
    @pytest.fixture
    def file(self, tmp_path) -> Path:
        return tmp_path / "secret"

    def test_a_file_stands_for_its_content_without_the_last_newline(self, file):
        file.write_text(f"{SECRET}\n")
        assert load_environment({"SECRET_KEY_FILE": str(file)}).SECRET_KEY == SECRET

    def test_every_variable_has_this_form(self, file, production):
        files = {}
        for name, value in production.items():
            path = file.with_name(name)
            path.write_text(value)
            files[f"{name}_FILE"] = str(path)
        assert load_environment(files) == load_environment(production)

    def test_the_variable_itself_goes_before_its_file(self, file):
        file.write_text("from the file")
        assert load_environment({"SECRET_KEY": "given", "SECRET_KEY_FILE": str(file)}).SECRET_KEY == "given"

    def test_an_empty_file_is_an_unset_variable(self, file):
        file.write_text("\n")
        assert load_environment({"DATABASE_POOL_SIZE_FILE": str(file), "REDIS_URL_FILE": str(file)}) == Environment()

    def test_a_file_that_is_not_there_is_refused(self, file):
        assert refused({"JWT_SECRET_FILE": str(file)}) == ["JWT_SECRET_FILE: can't be read (No such file or directory)"]

    def test_a_file_that_is_not_text_is_refused(self, file):
        file.write_bytes(b"\xff\xfe\x00")
        assert refused({"JWT_SECRET_FILE": str(file)}) == ["JWT_SECRET_FILE: is not text"]


class TestProduction:
    def test_the_least_is_enough(self, production):
        assert load_environment(production).in_production

    def test_the_settings_of_development_are_refused_all_at_once(self):
        missing = {"SECRET_KEY", "JWT_SECRET", "ALLOWED_HOSTS", "PUBLIC_URL", "DATABASE_URL", "REDIS_URL"}
        missing |= {"RESEND_API_KEY", "EMAIL_FROM"}
        assert names_of(refused({"DJANGO_ENV": "production"})) == missing

    def test_missing_and_wrong_are_named_together(self, production):
        del production["SECRET_KEY"]
        assert names_of(refused(production | {"PORT": "none"})) == {"SECRET_KEY", "PORT"}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("SECRET_KEY", "short"),
            ("SECRET_KEY", "a" * 64),
            ("SECRET_KEY", DEVELOPMENT_SECRET),
            ("JWT_SECRET", DEVELOPMENT_SECRET),
            ("JWT_SECRET", " " * 64),
            ("ALLOWED_HOSTS", "*"),
            ("ALLOWED_HOSTS", "troupe.example,*"),
            ("ALLOWED_HOSTS", ","),
            ("PUBLIC_URL", "http://troupe.example"),
            ("CORS_ORIGINS", "*"),
            ("RATE_LIMIT_FACTOR", "1.5"),
            ("GOOGLE_BASE_URL", "http://accounts.example"),
            ("DISCORD_BASE_URL", "http://discord.example"),
            ("TWITTER_BASE_URL", "http://x.example"),
            ("INTERNAL_API_KEY", "letmein"),
            ("OPERATIONS_TOKEN", "letmein"),
            ("S3_ENDPOINT", "http://minio.example"),
            ("CDN_BASE_URL", "http://cdn.example"),
        ],
    )
    def test_what_is_unsafe_is_refused(self, production, name, value):
        assert names_of(refused(production | {name: value})) == {name}

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("ALLOWED_HOSTS", ".troupe.example"),
            ("CORS_ORIGINS", "https://app.troupe.example"),
            ("RATE_LIMIT_FACTOR", "0.5"),
            ("INTERNAL_API_KEY", SECRET),
            ("OPERATIONS_TOKEN", SECRET),
        ],
    )
    def test_what_is_safe_is_taken(self, production, name, value):
        assert load_environment(production | {name: value})

    def test_a_local_identity_provider_is_refused(self, production):
        local = {"LOCAL_IDENTITY_URL": "http://127.0.0.1:8020", "LOCAL_IDENTITY_SECRET": SECRET}
        assert names_of(refused(production | local)) == {"LOCAL_IDENTITY_URL"}

    def test_every_rule_is_about_a_variable_that_is_there(self):
        assert {name for name, _, _ in PRODUCTION_RULES} <= Environment.model_fields.keys()


class TestMail:
    def test_production_needs_one_way_to_send_mail_and_an_address_it_comes_from(self, production):
        del production["SMTP_HOST"]
        (problem,) = refused(production)
        assert problem.startswith("RESEND_API_KEY: must be set, or SMTP_HOST")
        assert load_environment(production | {"RESEND_API_KEY": "re_x"})
        assert load_environment(production | {"SMTP_HOST": "mail.troupe.example"})
        del production["EMAIL_FROM"]
        assert names_of(refused(production)) == {"RESEND_API_KEY", "EMAIL_FROM"}

    @pytest.mark.parametrize(
        "sender", ["hello@troupe.example", "Troupe <hello@troupe.example>", '"A, B" <a@b.example>']
    )
    def test_who_may_send(self, sender):
        assert sender == load_environment({"EMAIL_FROM": sender}).EMAIL_FROM

    def test_a_signing_secret_as_resend_shows_it(self):
        secret = "whsec_QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="
        assert secret == load_environment({"RESEND_SIGNING_SECRET": secret}).RESEND_SIGNING_SECRET


class TestOtherSites:
    @pytest.mark.parametrize("site", ["GOOGLE", "DISCORD", "TWITTER"])
    def test_half_of_a_sites_keys_is_none(self, site):
        assert names_of(refused({f"{site}_CLIENT_ID": "x"})) == {f"{site}_CLIENT_SECRET"}
        assert names_of(refused({f"{site}_CLIENT_SECRET": "x"})) == {f"{site}_CLIENT_ID"}
        assert load_environment({f"{site}_CLIENT_ID": "x", f"{site}_CLIENT_SECRET": "y"})

    def test_the_local_one_needs_its_secret(self):
        assert names_of(refused({"LOCAL_IDENTITY_URL": "http://127.0.0.1:8020"})) == {"LOCAL_IDENTITY_SECRET"}


class TestTextServer:
    def test_an_own_server_needs_its_models_name(self):
        (problem,) = refused({"TEXT_BASE_URL": "http://127.0.0.1:11434/v1"})
        assert problem == "TEXT_MODEL: must name the model of the server at TEXT_BASE_URL"

    def test_with_it_no_key_is_needed(self):
        env = load_environment({"TEXT_BASE_URL": "http://127.0.0.1:11434/v1", "TEXT_MODEL": "llama"})
        assert (env.TEXT_MODEL, env.TEXT_API_KEY) == ("llama", "")


class TestFiles:
    def test_the_disk_needs_nothing(self):
        env = load_environment({"MEDIA_STORAGE": "local"})
        assert (env.MEDIA_STORAGE, env.IMAGE_FORMAT, env.IMAGE_QUALITY) == ("local", "webp", 85)
        assert (env.IMAGE_MAX_WIDTH, env.IMAGE_MAX_HEIGHT, env.S3_UPLOAD_EXPIRATION) == (2560, 2560, 3600)

    def test_s3_needs_a_bucket_and_both_keys_which_are_named_at_once(self):
        problems = refused({"MEDIA_STORAGE": "s3"})
        assert sorted(problems) == [
            "S3_ACCESS_KEY_ID: must be set where MEDIA_STORAGE is s3",
            "S3_BUCKET: must be set where MEDIA_STORAGE is s3",
            "S3_SECRET_ACCESS_KEY: must be set where MEDIA_STORAGE is s3",
        ]
        assert refused({"MEDIA_STORAGE": "s3", "S3_BUCKET": "files", "S3_ACCESS_KEY_ID": "x"}) == [
            "S3_SECRET_ACCESS_KEY: must be set where MEDIA_STORAGE is s3"
        ]
        whole = {"MEDIA_STORAGE": "s3", "S3_BUCKET": "files", "S3_ACCESS_KEY_ID": "x", "S3_SECRET_ACCESS_KEY": "y"}
        assert load_environment(whole).S3_BUCKET == "files"

    def test_half_of_its_keys_is_none_wherever_new_files_go(self):
        assert names_of(refused({"S3_BUCKET": "files"})) == {"S3_ACCESS_KEY_ID", "S3_SECRET_ACCESS_KEY"}
        assert names_of(refused({"S3_ACCESS_KEY_ID": "x"})) == {"S3_BUCKET", "S3_SECRET_ACCESS_KEY"}

    def test_ipfs_needs_its_address(self):
        assert refused({"MEDIA_STORAGE": "ipfs"}) == ["IPFS_API_URL: must be set where MEDIA_STORAGE is ipfs"]
        assert load_environment({"MEDIA_STORAGE": "ipfs", "IPFS_API_URL": "http://127.0.0.1:5001"})
        assert names_of(refused({"IPFS_PROJECT_ID": "x"})) == {"IPFS_PROJECT_SECRET", "IPFS_API_URL"}
        assert names_of(refused({"IPFS_PROJECT_SECRET": "x", "IPFS_API_URL": "http://127.0.0.1:5001"})) == {
            "IPFS_PROJECT_ID"
        }

    @pytest.mark.parametrize("bucket", ["ab", "Files", "files/../other", "files; script-src *", "-files", "f" * 64])
    def test_what_is_no_buckets_name_gets_into_no_policy(self, bucket):
        assert "S3_BUCKET" in names_of(refused({"S3_BUCKET": bucket}))

    @pytest.mark.parametrize("address", ["tcp://127.0.0.1:3310", "tcp://clamd:3310", "unix:///run/clamav/clamd.ctl"])
    def test_where_a_scanner_may_be(self, address):
        assert address == load_environment({"CLAMAV_ADDRESS": address}).CLAMAV_ADDRESS
