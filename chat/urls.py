from django.urls import path

from chat import api, pages

api_urlpatterns = [
    path("conversations", api.ConversationsView.as_view()),
    path("conversations/<uuid:conversation_id>", api.ConversationView.as_view()),
    path("conversations/<uuid:conversation_id>/messages", api.MessagesView.as_view()),
    path("conversations/<uuid:conversation_id>/read", api.ReadView.as_view()),
    path("conversations/<uuid:conversation_id>/typing", api.TypingView.as_view()),
    path("messages/<uuid:message_id>", api.MessageView.as_view()),
    path("messages/<uuid:message_id>/regenerate", api.RegenerateView.as_view()),
    path("messages/<uuid:message_id>/continue", api.ContinueView.as_view()),
    path("messages/<uuid:message_id>/stop", api.StopView.as_view()),
    path("messages/<uuid:message_id>/select", api.SelectView.as_view()),
]

page_urlpatterns = [
    path("chats", pages.chats, name="chats"),
    path("chats/start", pages.start, name="chat_start"),
    path("chats/<uuid:conversation_id>", pages.chat, name="chat"),
    path("chats/<uuid:conversation_id>/payer", pages.change_payer, name="chat_payer"),
]
