"""Security events on their way to brokers.

It reads what SQL keeps and knows brokers; it knows neither calls nor stores. Nothing in it takes
part in an answer: a broker that is down costs calls nothing.
"""
