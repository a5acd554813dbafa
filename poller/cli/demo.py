"""placeholder"""
def add(verbs): pass
