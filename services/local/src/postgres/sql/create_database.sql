create database baton owner baton
