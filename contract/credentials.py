"""Who schemathesis is: a user who logs in again whenever a session has ended, or a client of the OAuth operations."""

import itertools
import os

import requests
import schemathesis

ORIGIN = os.environ["GATEHOUSE_ORIGIN"]
CLIENT = (os.environ["GATEHOUSE_CLIENT_ID"], os.environ["GATEHOUSE_CLIENT_SECRET"])
numbers = itertools.count()


def post(path, body):
    response = requests.post(ORIGIN + path, json=body, timeout=30)
    response.raise_for_status()
    return response.json()


def register():
    """A new user with a session: logging out is among what is fuzzed."""
    credentials = {
        "email": f"fuzzer-{os.getpid()}-{next(numbers)}@example.com",
        "password": "a loom of many threads",
    }
    post("/auth/user/create", credentials)
    return post("/api/v1/auth/login", credentials)["access_token"]


# A 401 asks for another session; operations that send it for other reasons are tried once more, and no more
@schemathesis.auth(retry_on=[401]).apply_to(tag=["accounts", "sessions"])
class User:
    def get(self, case, context):
        return register()

    def set(self, case, data, context):
        case.headers["Authorization"] = f"Bearer {data}"


@schemathesis.auth().apply_to(tag="oauth")
class Client:
    def get(self, case, context):
        return requests.auth._basic_auth_str(*CLIENT)

    def set(self, case, data, context):
        case.headers["Authorization"] = data
