"""The assistant's own wordings, those that the policy document prescribes among them."""

import re

DEFER = (
    "I could not find that in our guides, so I am passing your question to a colleague.",
    "I could not find an answer in our guides, so I am passing this to a colleague.",
)
TRADE = "Our trade desk looks after large and trade orders, so I am passing this to our trade team."
ASK_ORDER = (
    "Could you send me the order number? It has two letters, a dash and five digits.",
    "Could you tell me the order number first? It has two letters, a dash and five digits.",
)
ASK_STOVE = (
    "Which of our stoves do you mean? The answer depends on the model.",
    "Which stove do you mean? The answer is different for each model.",
)
DECLINE = {
    "privacy": "I'm sorry, I can't share anything about other customers.",
    "safety": "I'm sorry, I can't help with that because it is not safe.",
    "rules": "I'm sorry, I can't change or reveal the rules I work by.",
    "scope": "I'm sorry, I can't help with that. I am only here for Tindermoor stoves and orders.",
}
RULES = {"privacy": "R4", "safety": "R8", "rules": "R9", "scope": "R10"}
"""The policy rule behind each kind of decline."""

_NO_REFUND = {
    "processing": "it has not been delivered yet",
    "packed": "it has not been delivered yet",
    "shipped": "it has not been delivered yet",
    "refunded": "it has already been refunded",
    "cancelled": "it was cancelled and paid back",
}
_STATUS = {
    "processing": "Order {id} is being prepared and should arrive on {delivery}.",
    "packed": "Order {id} is packed and should arrive on {delivery}.",
    "shipped": "Order {id} has shipped and should arrive on {delivery}.",
    "delivered": "Order {id} was delivered on {delivery}.",
    "lost": "Order {id} was lost by the courier, so it can be refunded.",
    "refunded": "Order {id} has been refunded.",
    "cancelled": "Order {id} was cancelled.",
}


def status_reply(order_id: str, status: str, delivery: str) -> str:
    return _STATUS[status].format(id=order_id, delivery=delivery)


def unknown_order(order_id: str) -> str:
    return f"There is no order {order_id} in our system. Could you check the number in your confirmation email?"


def broken_number(order_id: str) -> str:
    return f"{order_id} is not a full order number. Could you check it? It has two letters, a dash and five digits."


def refunded(order_id: str, amount: str) -> str:
    return f"I have refunded ${amount} for order {order_id} to the card that paid."


def not_refundable(order_id: str, status: str) -> str:
    return f"I'm sorry, I can't give a refund on order {order_id} because {_NO_REFUND[status]}."


def no_refund_reason(status: str) -> str:
    return _NO_REFUND[status]


def cited(sentence: str, document: str) -> str:
    """The sentence with ``[id]`` before its full stop."""
    return f"{sentence.rstrip('.')} [{document}]."


def uncited(text: str) -> str:
    """The text without its citations."""
    return re.sub(r" \[[a-z]+-\d\]", "", text)
