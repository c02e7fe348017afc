from django.apps import AppConfig


class CommonConfig(AppConfig):
    name = "common"

    def ready(self) -> None:
        from common import database
        from common.realtime import register_topic
        from common.realtime.log import replay_for_user

        database.watch_slow_queries()
        register_topic("user", replay=replay_for_user)
