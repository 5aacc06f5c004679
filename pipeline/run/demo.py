"""placeholder"""


class Demo: ...
