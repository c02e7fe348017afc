from django.apps import AppConfig


class ChatConfig(AppConfig):
    name = "chat"

    def ready(self) -> None:
        from characters.registry import add_poster_part
        from chat import ledger, own_data, poster, realtime

        realtime.register()
        own_data.register()
        ledger.register()
        add_poster_part("conversations", poster.own_conversations)
        add_poster_part("reply_price", poster.reply_price)
