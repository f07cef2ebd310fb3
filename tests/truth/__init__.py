"""Conversations with known answers, captured through a hostile network: does what is told agree with the truth?"""
