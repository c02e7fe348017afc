from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"

    def ready(self) -> None:
        from characters.registry import add_poster_part
        from chat import poster, realtime

        realtime.register()
        add_poster_part("conversations", poster.own_conversations)
        add_poster_part("reply_price", poster.reply_price)
