"""A function that does next to nothing, so that what surrounds it can be measured."""


def handle(request):
    return {"result": request["input"].upper()}
